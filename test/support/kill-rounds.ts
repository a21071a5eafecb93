/**
 * Rounds of `kill -9` under load: a node in a process of its own takes messages from many senders, dies at
 * a moment of chance (now and then while it is still starting), and starts again on the same folder.
 *
 * After every start: each message that was ever acked is in the log, no event is there twice, what was not
 * acked is sent again and taken, and every projection is what a replay of the log gives.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActorMessage } from '#actors';
import { openSqlite } from '#adapters/sqlite';
import { Chance } from './chance.ts';
import { createEntity, linkEntities, updateEntity } from './messages.ts';
import { type RunningNode, run, startNode } from './process.ts';
import { ask, settled, temporaryFolder } from './served.ts';
import { until } from './until.ts';

export interface Round {
  readonly round: number;
  /** How long the node was under load before it died. */
  readonly loadMs: number;
  /** Over all rounds. */
  readonly acked: number;
  /** Sent when it died, and sent again. */
  readonly unanswered: number;
  readonly events: number;
  readonly startMs: number;
  /** What is wrong; empty for a clean round. */
  readonly faults: readonly string[];
}

const senders = 16;

/** Each one's messages are told apart by their ids, and every message leaves an event. */
class Traffic {
  readonly acked = new Set<string>();
  unanswered = new Map<string, ActorMessage>();
  #sent = 0;

  /** Twenty messages an entity; one in four is a link from it to the one before. */
  next(): ActorMessage {
    const number = this.#sent++;
    const entity = Math.floor(number / 20);
    const parts = { messageId: `kill-${number}`, id: `entity-${entity}`, at: number };
    if (number % 20 === 0) return createEntity(parts);
    if (number % 4 !== 0) return updateEntity({ ...parts, properties: { [`p${number}`]: number } });
    const [from, to] = [`entity-${entity}`, `entity-${Math.max(0, entity - 1)}`];
    return linkEntities({ ...parts, id: `link-${number}`, from, to });
  }

  /** Answers whether the node took it; false where it died over it. */
  async send(url: string, message: ActorMessage): Promise<boolean> {
    this.unanswered.set(message.messageId, message);
    const answer = await ask(url, '/commands', { body: message }).catch(() => null);
    if (answer === null) return false;
    if (answer.status !== 202) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
    this.acked.add(message.messageId);
    this.unanswered.delete(message.messageId);
    return true;
  }
}

/** Plays the rounds; `onRound` hears of each when it is over. */
export async function killRounds(
  rounds: number,
  seed: number,
  onRound: (round: Round) => void,
): Promise<void> {
  const chance = new Chance(seed);
  const traffic = new Traffic();
  const DATA_DIR = await temporaryFolder();
  let node = await startNode({ DATA_DIR });
  try {
    for (let round = 1; round <= rounds; round++) {
      const loadMs = 50 + chance.int(600);
      const loads = Array.from({ length: senders }, () => load(node, traffic));
      await new Promise((resolve) => setTimeout(resolve, loadMs));
      node.child.kill('SIGKILL');
      await Promise.all([node.ended, ...loads]);
      if (chance.happens(0.3)) await dieWhileStarting(DATA_DIR, chance.int(1_500));
      const startMs = performance.now();
      node = await startNode({ DATA_DIR });
      const took = Math.round(performance.now() - startMs);
      const unanswered = [...traffic.unanswered.values()];
      const { events, faults } = await inspect(node, DATA_DIR, traffic);
      const acked = traffic.acked.size;
      const counts = { acked, unanswered: unanswered.length, events };
      onRound({ round, loadMs, ...counts, startMs: took, faults });
    }
  } finally {
    node.child.kill();
    await node.ended;
    await rm(DATA_DIR, { recursive: true });
  }
}

async function load(node: RunningNode, traffic: Traffic): Promise<void> {
  while (await traffic.send(node.url, traffic.next())) {
    // Until the node dies.
  }
}

async function dieWhileStarting(DATA_DIR: string, afterMs: number): Promise<void> {
  const { child, ended } = run('infra/main.ts', [], { DATA_DIR, PORT: '0' });
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill('SIGKILL');
  await ended;
}

async function inspect(node: RunningNode, dataDir: string, traffic: Traffic) {
  const faults: string[] = [];
  const lost = async () => {
    const { messageIds } = await whatTheLogHas(dataDir, faults);
    return [...traffic.acked].filter((messageId) => !messageIds.has(messageId));
  };
  for (const messageId of await lost()) faults.push(`${messageId} was acked and is lost`);
  for (const message of traffic.unanswered.values()) await traffic.send(node.url, message);
  await settled(node.url);
  for (const messageId of await lost()) faults.push(`${messageId} was sent again and is lost`);
  for (const name of ['graph', 'links', 'history']) faults.push(...(await verify(node.url, name)));
  const letters = (await ask(node.url, '/dead-letters', { tenant: 'acme' })).body.items;
  if (letters.length > 0) faults.push(`dead letters: ${JSON.stringify(letters)}`);
  const { events } = await whatTheLogHas(dataDir, faults);
  return { events, faults };
}

/** Read from the file beside the running node, as any other process of the machine may. */
async function whatTheLogHas(dataDir: string, faults: string[]) {
  const { log } = await openSqlite(join(dataDir, 'log.sqlite'));
  try {
    const recorded = await log.readAll({ after: 0, limit: Number.MAX_SAFE_INTEGER });
    const ids = new Set(recorded.map(({ id }) => id));
    if (ids.size !== recorded.length) faults.push('an event is there twice');
    return {
      events: recorded.length,
      messageIds: new Set(recorded.map(({ metadata }) => metadata.messageId)),
    };
  } finally {
    await log.close();
  }
}

async function verify(url: string, name: string): Promise<readonly string[]> {
  const begun = await ask(url, `/projections/${name}/verify`, { method: 'POST' });
  const upkeep = await until(
    `${name} is verified`,
    async () => {
      const { items } = (await ask(url, '/projections')).body;
      const { upkeep: last } = items.find((one: { name: string }) => one.name === name);
      return last.id === begun.body.id && last.state !== 'running' && last;
    },
    60_000,
  );
  const isClean = upkeep.verification?.isSame === true;
  return isClean ? [] : [`${name} is not what the log says: ${JSON.stringify(upkeep)}`];
}
