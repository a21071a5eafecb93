/** Failures of the file as errors of the catalogue; for the main thread. */
import { RuntimeError } from '#runtime';
import { type Failure, failureOf } from './failure.ts';

export function errorOf({ code, message }: Failure, cause?: unknown): RuntimeError {
  return new RuntimeError(code, message, { cause });
}

/** Works on the file; what SQLite throws is thrown as an error of the catalogue. */
export function onFile<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    const failure = failureOf(thrown, file);
    throw failure === null ? thrown : errorOf(failure, thrown);
  }
}

/** What a closed log answers to everything. */
export function closedLog(): RuntimeError {
  return new RuntimeError('SHUTTING_DOWN', 'the event log is closed');
}
