/**
 * rehearse: history, decided once more by this code, so that a changed machine can be tried on what really
 * happened before it is deployed. Reads the log's file itself, and writes nothing.
 */
import { rehearsables } from '#actors';
import { type Difference, type Rehearsable, rehearse as rehearsed } from '#runtime';
import { Complaint } from './complaint.ts';
import { differenceLines } from './difference.ts';
import { openLogBeside } from './log.ts';
import { printJson, printLine } from './output.ts';
import { Progress } from './progress.ts';
import { countOf } from './text.ts';

export interface RehearseOptions {
  readonly isJson: boolean;
  readonly tenant?: string;
  readonly kind?: string;
  readonly dataDir?: string;
}

/** Whether this code decides all history as it was decided. */
export async function rehearse(options: RehearseOptions): Promise<boolean> {
  const cast = castOf(options.kind);
  const { log, snapshots } = await openLogBeside(options.dataDir);
  const progress = new Progress('rehearse', { isShown: !options.isJson });
  const start = performance.now();
  const found = { actors: 0, events: 0, messages: 0, differences: 0, differingActors: 0 };
  let last = '';
  try {
    const { tenant: tenantId } = options;
    const steps = rehearsed({ log, snapshots }, cast, tenantId === undefined ? {} : { tenantId });
    for await (const { differences, position, head, ...counts } of steps) {
      Object.assign(found, counts);
      for (const difference of differences) {
        const isFirst = difference.stream !== last;
        last = difference.stream;
        found.differences += 1;
        if (isFirst) found.differingActors += 1;
        progress.end();
        await print(difference, isFirst, options);
      }
      const perSecond = found.events / secondsSince(start);
      progress.show({ done: position, total: head, rate: { perSecond, unit: 'events' } });
    }
  } finally {
    progress.end();
    await log.close();
  }
  const seconds = secondsSince(start);
  if (options.isJson) await printJson({ kind: 'summary', ...found, seconds });
  else await printLine(summaryOf(found, seconds));
  return found.differences === 0;
}

function castOf(kind: string | undefined): readonly Rehearsable[] {
  const cast = rehearsables.filter(
    ({ definition }) => (kind ?? definition.kind) === definition.kind,
  );
  if (cast.length > 0) return cast;
  const kinds = rehearsables.map(({ definition }) => definition.kind).join(', ');
  throw new Complaint(`there is no kind of actor '${kind}'`, { hint: `There are: ${kinds}.` });
}

async function print(
  difference: Difference,
  isFirst: boolean,
  { isJson }: RehearseOptions,
): Promise<void> {
  if (isJson) return printJson(difference);
  if (isFirst) await printLine(difference.stream);
  for (const line of differenceLines(difference, (process.stdout.columns ?? 160) - 2)) {
    await printLine(`  ${line}`);
  }
}

function summaryOf(
  found: Readonly<
    Record<'actors' | 'events' | 'messages' | 'differences' | 'differingActors', number>
  >,
  seconds: number,
): string {
  const { actors, differences, differingActors, events, messages } = found;
  const rate = `${seconds.toFixed(1)} s (${countOf(events / seconds)} events/s)`;
  const result =
    differences === 0
      ? 'no difference'
      : `${countOf(differences)} DIFFERENT, in ${countOf(differingActors)} of the actors`;
  return (
    `${countOf(actors)} actors, ${countOf(messages)} messages, ${countOf(events)} events ` +
    `rehearsed in ${rate}: ${result}`
  );
}

function secondsSince(startMs: number): number {
  return Math.max(0.001, (performance.now() - startMs) / 1000);
}
