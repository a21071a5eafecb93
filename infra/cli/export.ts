/** export: the whole log, as it is when it begins, into one file of text that can be imported elsewhere. */
import { eventText, type Log } from '#runtime';
import { FreshFile } from './fresh-file.ts';
import { eventLine, HistoryDigest, type HistoryEnd, headerLine } from './history-file.ts';
import { openLogBeside } from './log.ts';
import { printJson, printLine } from './output.ts';
import { Pace } from './pace.ts';
import { selected, stoppedAt } from './selection.ts';
import { stoppable } from './stoppable.ts';
import { countOf } from './text.ts';

interface Options {
  readonly file: string;
  readonly isJson: boolean;
  readonly dataDir?: string;
}

const everything = { tenants: [], types: [], categories: [] };

export async function exportHistory({ file, isJson, dataDir }: Options): Promise<void> {
  const { log } = await openLogBeside(dataDir);
  try {
    const head = await log.head();
    const pace = new Pace('export', { isShown: !isJson, from: 0, end: head });
    const end = await stoppable((signal) => write(log, file, { head, pace, signal })).finally(() =>
      pace.end(),
    );
    const { seconds } = pace;
    if (isJson) return await printJson({ file, head, ...end, seconds });
    await printLine(
      `${countOf(end.events)} events up to position ${countOf(head)} in ${file}, ` +
        `in ${seconds.toFixed(1)} s\ndigest ${end.digest}`,
    );
  } finally {
    await log.close();
  }
}

interface Way {
  readonly head: number;
  readonly pace: Pace;
  readonly signal: AbortSignal;
}

async function write(log: Log, path: string, { head, pace, signal }: Way): Promise<HistoryEnd> {
  await using file = await FreshFile.begin(path);
  await file.write(`${headerLine(head)}\n`);
  const digest = new HistoryDigest();
  let reached = 0;
  for await (const { events, position } of selected(log, everything, { end: head, signal })) {
    const lines = events.map((event) => {
      const text = eventText(event);
      digest.add(text);
      return `${eventLine(event, text)}\n`;
    });
    await file.write(lines.join(''));
    pace.step(events.length, position);
    reached = position;
  }
  if (reached < head) throw stoppedAt(reached, head, 'Nothing was kept; begin again.');
  const end = digest.end();
  await file.write(`${JSON.stringify(end)}\n`);
  await file.publish();
  return end;
}
