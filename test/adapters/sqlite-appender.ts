/**
 * A process of its own that appends to a log without end and tells what was acked, a line each:
 *
 *     <stream> <revision of the last event> <id of the first event> …
 *     ! <code of an error>          and then, what it could still read:   = <stream> <events>
 *
 * Each lane has its stream and knows its revision; all processes share one more, where anybody may.
 */
import { openSqlite } from '#adapters/sqlite';
import type { RuntimeError } from '#runtime';
import { idsOf, newEvents } from '../contracts/log-event.ts';

const [, , file, name] = process.argv as [string, string, string, string];
const lanes = 40;
const { log } = await openSqlite(file);

async function work(lane: number): Promise<void> {
  const stream = lane === 0 ? 'entity-acme/shared' : `entity-acme/${name}-${lane}`;
  const [last] = await log.readStream(stream, { direction: 'backward', limit: 1 });
  let revision = last?.revision ?? -1;
  for (;;) {
    const data = { append: crypto.randomUUID(), of: 1 + (lane % 3), text: 'x'.repeat(300) };
    const events = newEvents(data.of, { data });
    const known = revision < 0 ? 'no_stream' : revision;
    const result = await log.append(stream, events, lane === 0 ? 'any' : known);
    if (result.kind !== 'appended') throw new Error(`${stream} at ${revision}: ${result.kind}`);
    revision = result.revision;
    process.stdout.write(`${stream} ${revision} ${idsOf(events).join(' ')}\n`);
  }
}

await Promise.all(
  Array.from({ length: lanes }, async (_, lane) => {
    try {
      await work(lane);
    } catch (thrown) {
      process.stdout.write(`! ${(thrown as RuntimeError).code ?? thrown}\n`);
    }
  }),
);
const events = await log.readStream('entity-acme/shared');
process.stdout.write(`= entity-acme/shared ${events.length}\n`);
await log.close();
