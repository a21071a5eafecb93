/**
 * ingest: sends what files hold in their order, deliveries one after the other, commands many at a time
 * where they are for different actors. What the node can't take now is sent again until it can; at the
 * end it waits until the graph shows what was sent.
 */
import { statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from './client.ts';
import { Complaint } from './complaint.ts';
import { filesOf, type Item, itemsOf } from './ingest-file.ts';
import { Lanes } from './lanes.ts';
import { printJson, printLine } from './output.ts';
import { Progress } from './progress.ts';
import { projectionsOf } from './projections.ts';
import { countOf } from './text.ts';

interface Options {
  readonly isJson: boolean;
  /** For bodies that do not say which they came over. */
  readonly connection: string;
}

interface Refusal {
  readonly name: string;
  readonly code: string;
  readonly reason: string;
}

class Tally {
  accepted = 0;
  messages = 0;
  readonly ignored: Record<string, number> = {};
  readonly refused: Refusal[] = [];

  get sent(): number {
    return this.accepted + this.ignoredCount + this.refused.length;
  }

  get ignoredCount(): number {
    return Object.values(this.ignored).reduce((sum, count) => sum + count, 0);
  }
}

/** Commands under way; they share the node's group commits. */
const requestsMax = 32;
/** How long the node may say `later` to one item before we give up. */
const patienceMs = 60_000;
const firstPauseMs = 250;
const longestPauseMs = 5_000;
const catchUpMs = 60_000;
const pollMs = 100;
const refusalsShown = 20;

/** Answers whether everything was taken. */
export async function ingest(
  client: Client,
  names: readonly string[],
  { isJson, connection }: Options,
): Promise<boolean> {
  const files = filesOf(names);
  const total = files.reduce((sum, file) => sum + statSync(file).size, 0);
  const progress = new Progress('ingest', { isShown: !isJson });
  const startMs = performance.now();
  const tally = new Tally();
  try {
    const lanes = new Lanes(requestsMax);
    for await (const item of itemsOf(files, connection)) {
      await lanes.add(item.actor, () => sendItem(client, item, tally));
      const seconds = (performance.now() - startMs) / 1_000;
      progress.show({
        done: item.upTo,
        total,
        note: `${countOf(tally.sent)} sent`,
        rate: { perSecond: tally.sent / seconds, unit: 'deliveries' },
        secondsLeft: (seconds * (total - item.upTo)) / item.upTo,
      });
    }
    await lanes.end();
    const seconds = (performance.now() - startMs) / 1_000;
    const position = await caughtUp(client);
    progress.end();
    await report(tally, { isJson, seconds, position });
  } finally {
    progress.end();
  }
  return tally.refused.length === 0;
}

async function sendItem(client: Client, { name, request }: Item, tally: Tally): Promise<void> {
  const isFirst = tally.sent === 0;
  const giveUpMs = performance.now() + patienceMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    const answer = await client.send(request).catch((thrown) => {
      // Nobody there from the start is a mistake; gone in the middle is a restart.
      if (isFirst) throw thrown;
      return thrown as Complaint;
    });
    if (!(answer instanceof Complaint)) {
      if (answer.problem === null) return count(answer.body, tally);
      const { code, detail, hint, status } = answer.problem;
      if (status < 500 && status !== 408) {
        tally.refused.push({ name, code, reason: detail ?? hint });
        return;
      }
    }
    if (performance.now() > giveUpMs) {
      const why = answer instanceof Complaint ? answer.message : answer.problem?.code;
      throw new Complaint(`gave up at ${name}, after ${tally.sent} sent: ${why}`, {
        hint: 'Run it again when the node is well; what was sent has no effect the second time.',
      });
    }
    await pause(pauseMs);
  }
}

/** A command's answer has a messageId, a webhook's an event and the number of its messages. */
function count(body: unknown, tally: Tally): void {
  const { event, messages } = body as { event?: string; messages?: number };
  if (event !== undefined && messages === 0) {
    tally.ignored[event] = (tally.ignored[event] ?? 0) + 1;
    return;
  }
  tally.accepted += 1;
  tally.messages += messages ?? 1;
}

/** The position that every projection has reached with nothing more to come; null if not in time. */
async function caughtUp(client: Client): Promise<number | null> {
  const giveUpMs = performance.now() + catchUpMs;
  let before = -1;
  while (performance.now() < giveUpMs) {
    const following = (await projectionsOf(client)).filter(({ status }) => status !== 'stopped');
    const heads = following.map(({ head }) => head);
    const head = Math.max(0, ...heads);
    // Twice: what is told of links comes back as events of their own.
    if (following.every(({ lag }) => lag === 0) && head === before) return head;
    before = head;
    await pause(pollMs);
  }
  return null;
}

async function report(
  tally: Tally,
  { isJson, seconds, position }: { isJson: boolean; seconds: number; position: number | null },
): Promise<void> {
  const { accepted, messages, ignored, ignoredCount, refused } = tally;
  if (isJson) return printJson({ accepted, messages, ignored, refused, seconds, position });
  await printLine(
    `${countOf(accepted)} accepted (${countOf(messages)} messages), ${countOf(ignoredCount)} ignored, ` +
      `${countOf(refused.length)} refused in ${seconds.toFixed(1)} s`,
  );
  const events = Object.entries(ignored).map(([event, times]) => `${event} (${times})`);
  if (events.length > 0)
    await printLine(`ignored, since nothing in them is kept: ${events.join(', ')}`);
  for (const { name, code, reason } of refused.slice(0, refusalsShown)) {
    await printLine(`refused: ${name}: ${code}: ${reason}`);
  }
  const more = refused.length - refusalsShown;
  if (more > 0) await printLine(`… and ${countOf(more)} more; --json shows them`);
  await printLine(
    position === null
      ? 'The projections are still catching up; see `cognisync projections`.'
      : `The graph is up to date, at position ${countOf(position)} of the log.`,
  );
}
