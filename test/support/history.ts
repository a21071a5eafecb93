/** Histories of chance in a log, and what two logs must have in common to be copies of each other. */
import { MemoryLog } from '#adapters/memory';
import type { Log, RecordedEvent } from '#runtime';
import { newEvent } from '../contracts/log-event.ts';
import type { Chance } from './chance.ts';

/** Appends `appends` runs of one to three events to a few streams of several categories. */
export async function growByChance(log: Log, appends: number, chance: Chance): Promise<void> {
  for (let at = 0; at < appends; at++) {
    const category = chance.pick(['entity', 'relationship', 'deadletter']);
    const stream = `${category}-${chance.pick(['acme', 'other'])}/${chance.int(5)}`;
    const events = Array.from({ length: 1 + chance.int(3) }, (_, part) =>
      newEvent({
        type: chance.pick(['Made', 'Changed']),
        schemaVersion: 1 + chance.int(2),
        data: { at, part, text: 'ä\u2028\ud800"'.slice(chance.int(4)) },
      }),
    );
    await log.append(stream, events, 'any');
  }
}

export async function historyOf(appends: number, chance: Chance): Promise<Log> {
  const log = new MemoryLog();
  await growByChance(log, appends, chance);
  return log;
}

export function allOf(log: Log): Promise<readonly RecordedEvent[]> {
  return log.readAll({ after: 0, limit: Number.MAX_SAFE_INTEGER });
}

/** Everything but the positions, which each log chooses itself. */
export async function copyOf(log: Log): Promise<readonly Omit<RecordedEvent, 'position'>[]> {
  return (await allOf(log)).map(({ position: _, ...rest }) => rest);
}
