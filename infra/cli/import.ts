/**
 * import: an exported history into an empty log.
 *
 *     read the file whole, touch nothing ─▶ copy it ─▶ embedded: log.sqlite.importing becomes log.sqlite
 *
 * An embedded log appears only when it is whole. KurrentDB can't be filled aside, so there the command's
 * word is what counts. Either way an import that was cut off goes on where it ended: what is there already
 * must be the beginning of the file.
 */
import { existsSync } from 'node:fs';
import { endOfUnused, exchange, openSqlite } from '#adapters/sqlite';
import { type Log, limits, type RecordedEvent, type Replica, RuntimeError } from '#runtime';
import { readDataDir } from '../config.ts';
import { logFileIn, makeDataDir } from '../data-folder.ts';
import { Complaint } from './complaint.ts';
import { type HistoryEnd, readHistory, wrongLine } from './history-file.ts';
import { isKurrentDb, openTarget } from './log-place.ts';
import { printJson, printLine } from './output.ts';
import { Progress } from './progress.ts';
import { stoppable } from './stoppable.ts';
import { countOf } from './text.ts';

interface Options {
  readonly file: string;
  readonly isJson: boolean;
  readonly dataDir?: string;
  /** A KurrentDB, in place of the data folder. */
  readonly into?: string;
}

interface Target {
  readonly log: Log;
  readonly replica: Replica;
}

export async function importHistory({ file, isJson, dataDir, into }: Options): Promise<void> {
  if (!existsSync(file)) throw new Complaint(`there is no file ${file}`);
  const startMs = performance.now();
  if (into !== undefined && !isKurrentDb(into)) {
    throw new Complaint('--into is for KurrentDB; --data-dir names a folder');
  }
  const end = await stoppable(async (signal) => {
    for await (const _ of batchesOf(file, { label: 'check', isJson, signal }));
    const work = (target: Target) => copy(file, target, { label: 'import', isJson, signal });
    return into === undefined ? intoFolder(dataDir ?? readDataDir(), work) : intoPlace(into, work);
  });
  const seconds = (performance.now() - startMs) / 1_000;
  if (isJson) return printJson({ ...end, seconds });
  await printLine(
    `${countOf(end.events)} events imported in ${seconds.toFixed(1)} s\ndigest ${end.digest}`,
  );
}

type Work = (target: Target) => Promise<HistoryEnd>;

async function intoPlace(place: string, work: Work): Promise<HistoryEnd> {
  const target = await openTarget(place);
  return work(target).finally(() => target.log.close());
}

async function intoFolder(dataDir: string, work: Work): Promise<HistoryEnd> {
  makeDataDir(dataDir);
  const file = logFileIn(dataDir);
  const refuseUsed = () => {
    if (!existsSync(file) || endOfUnused(file) === null) return;
    throw new Complaint(`${file} is not empty`, {
      hint: 'Import into another DATA_DIR, or move that log away first.',
    });
  };
  refuseUsed();
  const aside = `${file}.importing`;
  const { log, replica } = await openSqlite(aside);
  const end = await work({ log, replica }).finally(() => log.close());
  refuseUsed();
  exchange(aside, file);
  return end;
}

interface Way {
  readonly label: string;
  readonly isJson: boolean;
  readonly signal: AbortSignal;
}

async function copy(file: string, { log, replica }: Target, way: Way): Promise<HistoryEnd> {
  const batches = batchesOf(file, way);
  let standing: number | null = 0;
  for (;;) {
    const next: IteratorResult<Batch, HistoryEnd> = await batches.next();
    if (next.done) {
      if (standing !== null && (await log.head()) > standing) throw another();
      return next.value;
    }
    const { events, line } = next.value;
    let there = 0;
    if (standing !== null) {
      const page: readonly RecordedEvent[] = await log.readAll({
        after: standing,
        limit: events.length,
      });
      if (page.some((event, at) => !isSame(event, events[at]!))) throw another();
      there = page.length;
      standing = there < events.length ? null : page.at(-1)!.position;
    }
    if (there < events.length) await extend(replica, events.slice(there), file, line + there);
  }
}

async function extend(
  replica: Replica,
  events: readonly RecordedEvent[],
  file: string,
  line: number,
): Promise<void> {
  try {
    await replica.extend(events);
  } catch (thrown) {
    if (!(thrown instanceof RuntimeError) || thrown.code !== 'COPY_DIVERGED') throw thrown;
    const { stream, revision } = thrown.data;
    const at = events.findIndex((one) => one.stream === stream && one.revision === revision);
    throw wrongLine(
      file,
      line + at,
      `is ${stream}@${revision}, which does not continue its stream`,
    );
  }
}

function isSame(one: RecordedEvent, other: RecordedEvent): boolean {
  return one.id === other.id && one.stream === other.stream && one.revision === other.revision;
}

function another(): Complaint {
  return new Complaint('what was imported before is not the beginning of this file', {
    hint: 'Import the file that was begun with, or delete log.sqlite.importing and begin again.',
  });
}

interface Batch {
  readonly events: readonly RecordedEvent[];
  /** Of the first of them. */
  readonly line: number;
}

/** The file's events, as many at a time as one transaction takes. */
async function* batchesOf(file: string, way: Way): AsyncGenerator<Batch, HistoryEnd, void> {
  const progress = new Progress(way.label, { isShown: !way.isJson });
  const startMs = performance.now();
  const lines = readHistory(file);
  let events: RecordedEvent[] = [];
  let chars = 0;
  let done = 0;
  let line = 0;
  try {
    for (;;) {
      const next = await lines.next();
      const isFull =
        events.length >= limits.subscriptionBatchMax || chars >= limits.subscriptionBatchCharsMax;
      if (events.length > 0 && (next.done || isFull)) {
        yield { events, line };
        if (way.signal.aborted)
          throw new Complaint(`stopped at line ${line + events.length - 1}`, {
            hint: 'Run it again to go on.',
          });
        done += events.length;
        events = [];
        chars = 0;
      }
      if (next.done) return next.value;
      const { event, share } = next.value;
      if (events.length === 0) line = next.value.line;
      events.push(event);
      chars += next.value.chars;
      const seconds = (performance.now() - startMs) / 1_000;
      const rate = { perSecond: done / seconds, unit: 'events' };
      progress.show({ done: share, total: 1, rate, secondsLeft: seconds / share - seconds });
    }
  } finally {
    progress.end();
  }
}
