/**
 * replay: a part of history once more, to somebody who needs it: as text, into another log, or to the
 * services behind the outbound topic. The log itself is only read.
 */
import type { Log } from '#runtime';
import { Complaint } from './complaint.ts';
import { openLogBeside } from './log.ts';
import { type Outlet, openBusOutlet, openLines, openLogOutlet } from './outlet.ts';
import { printJson, printLine } from './output.ts';
import { Pace } from './pace.ts';
import { endOf, type Selection, selected, stoppedAt, tenantOf } from './selection.ts';
import { stoppable } from './stoppable.ts';
import { countOf, tableOf } from './text.ts';

export interface ReplayOptions extends Selection {
  /** `ndjson`, `bus`, or `log:PLACE`. */
  readonly into: string;
  /** For `ndjson`: a file that is not there yet; absent: stdout. */
  readonly file?: string;
  readonly isDryRun: boolean;
  readonly isJson: boolean;
  readonly dataDir?: string;
}

export async function replay(options: ReplayOptions): Promise<void> {
  const open = outletOf(options);
  const { log } = await openLogBeside(options.dataDir);
  try {
    // What Ctrl-C ends in the middle is told and cleared away, from the first thing that is opened.
    await stoppable(async (signal) => {
      if (options.isDryRun) await count(log, options, signal);
      else await send(log, await open(), options, signal);
    });
  } finally {
    await log.close();
  }
}

/** What opens the outlet; whatever is wrong with its name is said before anything is opened. */
function outletOf({ into, file, types }: ReplayOptions): () => Promise<Outlet> {
  if (file !== undefined && into !== 'ndjson') throw new Complaint('--file is for --into ndjson');
  if (into === 'ndjson') return () => openLines(file);
  if (into === 'bus') return openBusOutlet;
  const place = /^log:(.+)$/.exec(into)?.[1];
  if (place === undefined) {
    throw new Complaint(`there is no way into '${into}'`, {
      hint: 'Replay --into ndjson, bus, log:PATH or log:kurrentdb://….',
    });
  }
  if (types.length > 0) {
    throw new Complaint('a log takes whole streams: --type would leave holes in them', {
      hint: 'Choose by --tenant and --category, or replay --into ndjson.',
    });
  }
  return () => openLogOutlet(place);
}

async function send(
  log: Log,
  outlet: Outlet,
  options: ReplayOptions,
  signal: AbortSignal,
): Promise<void> {
  try {
    const end = await endOf(log, options);
    const from = Math.max(1, options.from ?? 1) - 1;
    const { into, isJson } = options;
    const pace = new Pace('replay', { isShown: !isJson, from, end });
    let taken = 0;
    let reached = from;
    try {
      for await (const { events, position } of selected(log, options, { end, signal })) {
        if (events.length > 0) taken += await outlet.take(events);
        pace.step(events.length, position);
        reached = position;
      }
    } finally {
      pace.end();
    }
    if (reached < end) throw stoppedAt(reached, end, outlet.goOn(reached));
    await outlet.finish();
    // Lines on stdout are the answer, and nothing stands between or behind them.
    if (into === 'ndjson' && options.file === undefined) return;
    const { events, seconds } = pace;
    if (isJson) return await printJson({ into, events, taken, position: reached, seconds });
    await printLine(
      `${countOf(events)} events replayed up to position ${countOf(reached)} in ` +
        `${seconds.toFixed(1)} s; ${countOf(taken)} of them ${tookAs(into)}`,
    );
  } finally {
    await outlet.close();
  }
}

function tookAs(into: string): string {
  if (into === 'bus') return 'went to other services once more, with the ids that they had';
  return into === 'ndjson' ? 'are in the file' : 'were new there';
}

/** What would be sent, by tenant and type; nothing is opened but the log. */
async function count(log: Log, options: ReplayOptions, signal: AbortSignal): Promise<void> {
  const end = await endOf(log, options);
  const counts = new Map<string, number>();
  const from = Math.max(1, options.from ?? 1) - 1;
  const pace = new Pace('count', { isShown: !options.isJson, from, end });
  try {
    for await (const { events, position } of selected(log, options, { end, signal })) {
      for (const { stream, type } of events) {
        const key = JSON.stringify([tenantOf(stream), type]);
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      pace.step(events.length, position);
    }
  } finally {
    pace.end();
  }
  if (signal.aborted) throw new Complaint('stopped before all was counted');
  const items = [...counts]
    .map(([key, events]) => {
      const [tenant, type] = JSON.parse(key) as [string, string];
      return { tenant, type, events };
    })
    .sort((one, other) => (one.tenant + one.type < other.tenant + other.type ? -1 : 1));
  const { events } = pace;
  if (options.isJson) return printJson({ dryRun: true, events, position: end, items });
  if (items.length > 0) {
    const rows = items.map((item) => [item.tenant, item.type, countOf(item.events)]);
    await printLine(tableOf(['TENANT', 'TYPE', 'EVENTS'], rows, [2]));
  }
  await printLine(`${countOf(events)} events up to position ${countOf(end)} would be replayed`);
}
