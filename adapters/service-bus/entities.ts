/**
 * What must be there in the namespace, and a look whether it is.
 *
 *     topic <SERVICE_BUS_TOPIC_NAME>                        not partitioned; duplicate detection on
 *       subscription <SERVICE_BUS_SUBSCRIPTION_NAME>        sessions required
 *         rule: sys.SessionId IS NOT NULL                   instead of $Default
 *       subscription <SERVICE_BUS_SUBSCRIPTION_NAME>-intake sessions not required
 *         rule: sys.SessionId IS NULL                       instead of $Default
 *
 * Why so: a session subscription can't take what has no session id, and the producers of the
 * specification send none; the intake catches it, and each message is published again with its shard.
 * A partitioned topic takes no batch over several shards. Duplicate detection (10 minutes do) makes a
 * send of unknown outcome safe to repeat; without it repeats are harmless, but cost work. Lock duration:
 * how long a dead node's shards wait for another, 30 s to a minute. MaxDeliveryCount (10) is reached only
 * by a message whose handling ends the process, or outlasts its lock, again and again.
 */
import type { RuleProperties } from '@azure/service-bus';
import { type Ids, RuntimeError } from '#runtime';
import { brokerCodeOf, told, unavailable } from './failure.ts';
import type { Line } from './line.ts';

export interface Entities {
  readonly topic: string;
  /** Of messages with a shard. */
  readonly subscription: string;
  /** Of messages without one. */
  readonly intake: string;
}

export function entitiesOf(topic: string, subscription: string): Entities {
  return { topic, subscription, intake: `${subscription}-intake` };
}

/**
 * Looks whether all is there and of the right kind. Throws BUS_REFUSED with everything that is wrong in
 * one message, or BUS_UNAVAILABLE where the broker can't be asked.
 */
export async function checkEntities(
  line: Line,
  { topic, subscription, intake }: Entities,
  ids: Ids,
): Promise<void> {
  const nobodys = `check-${ids.random()}`;
  const mistakes = await Promise.all([
    topicMistake(line, topic),
    mistakeOf(`subscription ${subscription} of ${topic}`, async () => {
      if (!(await hasSessions(line, topic, subscription, nobodys))) return 'must require sessions';
      return ruleMistake(line, topic, subscription, 'sys.SessionId IS NOT NULL');
    }),
    mistakeOf(`subscription ${intake} of ${topic}`, async () => {
      if (await hasSessions(line, topic, intake, nobodys)) return 'must not require sessions';
      return ruleMistake(line, topic, intake, 'sys.SessionId IS NULL');
    }),
  ]);
  refuse(mistakes);
}

/** Looks whether a topic is there. Throws BUS_REFUSED or BUS_UNAVAILABLE. */
export async function checkTopic(line: Line, topic: string): Promise<void> {
  refuse([await topicMistake(line, topic)]);
}

function refuse(mistakes: readonly (string | null)[]): void {
  const found = mistakes.filter((mistake) => mistake !== null);
  if (found.length > 0) throw new RuntimeError('BUS_REFUSED', found.join('\n'));
}

async function mistakeOf(what: string, look: () => Promise<string | null>): Promise<string | null> {
  try {
    const mistake = await look();
    return mistake === null ? null : `${what} ${mistake}`;
  } catch (thrown) {
    const code = brokerCodeOf(thrown);
    if (code === 'MessagingEntityNotFound') return `${what} is missing`;
    if (code === 'MessagingEntityDisabled') return `${what} is disabled`;
    if (code === 'UnauthorizedAccess') return told(thrown, `${what} may not be entered`);
    throw unavailable(thrown, `asking for ${what}`);
  }
}

/** Opens a way into the topic. */
function topicMistake(line: Line, topic: string): Promise<string | null> {
  return mistakeOf(`topic ${topic}`, async () => {
    const sender = line.client.createSender(topic);
    try {
      await line.ask(() => sender.createMessageBatch());
      return null;
    } finally {
      await line.farewell(() => sender.close());
    }
  });
}

/**
 * Asks for a session that nobody has, which disturbs no shard. It is given at once where there are
 * sessions; elsewhere the broker says so, or gives a link that is none of a session, of which the
 * client says that the session can't be locked.
 */
async function hasSessions(
  line: Line,
  topic: string,
  subscription: string,
  nobodys: string,
): Promise<boolean> {
  try {
    const session = await line.ask(() => line.client.acceptSession(topic, subscription, nobodys));
    await line.farewell(() => session.close());
    return true;
  } catch (thrown) {
    const code = brokerCodeOf(thrown);
    if (code === 'SessionCannotBeLocked') return false;
    if (code === 'GeneralError' && /session/i.test((thrown as Error).message)) return false;
    throw thrown;
  }
}

/**
 * A rule that takes everything doubles every message, or sends those without a shard astray. Where rules
 * are not shown to us (a right that is missing, a broker that has no such question), nothing is said.
 */
async function ruleMistake(
  line: Line,
  topic: string,
  subscription: string,
  expected: string,
): Promise<string | null> {
  for (const { name, filter } of await rulesOf(line, topic, subscription)) {
    const isAll = 'sqlExpression' in filter && /^\s*1\s*=\s*1\s*$/.test(filter.sqlExpression ?? '');
    if (isAll) return `takes everything (rule ${name}): its only rule must be ${expected}`;
  }
  return null;
}

async function rulesOf(line: Line, topic: string, subscription: string) {
  const manager = line.client.createRuleManager(topic, subscription);
  const rules: RuleProperties[] = [];
  try {
    await line.ask(async () => {
      for await (const rule of manager.listRules()) rules.push(rule);
    });
  } catch (thrown) {
    const code = brokerCodeOf(thrown);
    if (code !== 'UnauthorizedAccess' && code !== 'GeneralError') throw thrown;
  }
  return rules;
}
