/** backup, verify --backup: a copy of the embedded log while it is in use, and whether one is sound. */
import { existsSync } from 'node:fs';
import { copySqlite, type Inspection, inspectSqlite, sealSqlite } from '#adapters/sqlite';
import { readDataDir } from '../config.ts';
import { logFileIn } from '../data-folder.ts';
import { Complaint } from './complaint.ts';
import { discard, partialOf, publish } from './fresh-file.ts';
import { printJson, printLine } from './output.ts';
import { Progress } from './progress.ts';
import { countOf } from './text.ts';

interface Output {
  readonly isJson: boolean;
}

/** A letter that was purged may be kept again, as the same one. */
const repeating = ['deadletter'];
const faultsInOneLine = 3;

export async function backUp(
  path: string,
  { isJson, dataDir = readDataDir() }: Output & { readonly dataDir?: string },
): Promise<void> {
  const log = logFileIn(dataDir);
  if (!existsSync(log)) {
    throw new Complaint(`there is no log at ${log}`, {
      hint: 'Only the embedded log is backed up so; KurrentDB has its own backup.',
    });
  }
  const partial = partialOf(path);
  discard(path);
  const startMs = performance.now();
  try {
    await copySqlite(log, partial);
    const copyMs = performance.now() - startMs;
    const inspection = await inspected(partial, { isJson });
    if (inspection.faults.length > 0) throw faulty(log, inspection);
    sealSqlite(partial, inspection);
    publish(path);
    await tell(path, inspection, { isJson, copyMs, ms: performance.now() - startMs });
  } finally {
    discard(path);
  }
}

/** Answers whether a backup is sound. */
export async function verifyBackup(path: string, output: Output): Promise<boolean> {
  if (!existsSync(path)) throw new Complaint(`there is no file ${path}`);
  const startMs = performance.now();
  const inspection = await inspected(path, output);
  await tell(path, inspection, { ...output, ms: performance.now() - startMs });
  return inspection.faults.length === 0;
}

/** Reads a copy of a log from end to end. */
export async function inspected(path: string, { isJson }: Output): Promise<Inspection> {
  const progress = new Progress('verify', { isShown: !isJson });
  const startMs = performance.now();
  try {
    return await inspectSqlite(path, {
      repeating,
      onProgress: (done, total) => {
        const perSecond = done / ((performance.now() - startMs) / 1_000);
        progress.show({ done, total, rate: { perSecond, unit: 'events' } });
      },
    });
  } finally {
    progress.end();
  }
}

/** What to say of a copy that is not sound. */
export function faulty(path: string, { faults }: Inspection): Complaint {
  return new Complaint(`${path} is damaged: ${faults.slice(0, faultsInOneLine).join('; ')}`, {
    code: 'DATA_CORRUPT',
    hint: 'Use an older backup, or `sqlite3 FILE .recover` to see what can still be read.',
  });
}

async function tell(
  file: string,
  { head, events, bytes, digest, faults }: Inspection,
  { isJson, ms, copyMs }: Output & { readonly ms: number; readonly copyMs?: number },
): Promise<void> {
  const seconds = ms / 1_000;
  const isSound = faults.length === 0;
  if (isJson) {
    const copySeconds = copyMs === undefined ? {} : { copySeconds: copyMs / 1_000 };
    return printJson({
      file,
      isSound,
      head,
      events,
      bytes,
      digest,
      faults,
      seconds,
      ...copySeconds,
    });
  }
  for (const fault of faults) await printLine(`DAMAGED: ${fault}`);
  await printLine(
    `${file}: ${isSound ? 'sound' : 'NOT SOUND'}  ${countOf(events)} events up to position ` +
      `${countOf(head)}, ${(bytes / 1e6).toFixed(1)} MB, in ${seconds.toFixed(1)} s\ndigest ${digest}`,
  );
}
