/**
 * The writer's thread: takes whatever has been posted while the last group was committed, commits it
 * as the next group, and posts the answers.
 *
 *     ← WriteRequest[]      → opened, or refused and the end
 *     ← 'close'             → answered: for the oldest requests, in order
 *                           → failed: the oldest `count` requests are not written
 *
 * A failure that is not SQLite's is a bug: it ends the thread, and the main thread says so.
 */
import type { DatabaseSync } from 'node:sqlite';
import {
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  workerData,
} from 'node:worker_threads';
import { type Failure, failureOf } from './failure.ts';
import { openForWriting } from './format.ts';
import { GroupCommit, type WriteAnswer, type WriteRequest } from './group.ts';
import { Journal } from './journal.ts';

export interface WriterData {
  readonly file: string;
  readonly lockMs: number;
  readonly journalBytes: number;
  readonly groupEventsMax: number;
  readonly groupCharsMax: number;
}

export type WriterCall = readonly WriteRequest[] | 'close';

export type GroupAnswer =
  | { readonly kind: 'answered'; readonly answers: readonly WriteAnswer[] }
  | { readonly kind: 'failed'; readonly count: number; readonly failure: Failure };

export type WriterAnswer =
  | { readonly kind: 'opened' }
  | { readonly kind: 'refused'; readonly failure: Failure }
  | GroupAnswer;

const port = parentPort as MessagePort;
const { file, lockMs, journalBytes, groupEventsMax, groupCharsMax } = workerData as WriterData;
const db = open();
if (db !== null) serve(db);

function open(): DatabaseSync | null {
  try {
    const opened = openForWriting(file, lockMs);
    say({ kind: 'opened' });
    return opened;
  } catch (thrown) {
    const failure = failureOf(thrown, file);
    if (failure === null) throw thrown;
    say({ kind: 'refused', failure });
    return null;
  }
}

function serve(db: DatabaseSync): void {
  const group = new GroupCommit(db);
  const journal = new Journal(db, { journalBytes, lockMs });
  let waiting: WriteRequest[] = [];
  let isClosing = false;

  const take = (call: WriterCall) => {
    if (call === 'close') isClosing = true;
    else waiting.push(...call);
  };

  port.on('message', (call: WriterCall) => {
    take(call);
    do {
      for (let next = receive(); next !== undefined; next = receive()) take(next);
      const count = groupLength(waiting);
      const requests = waiting.slice(0, count);
      waiting = waiting.slice(count);
      if (count > 0) say(commit(requests));
    } while (waiting.length > 0);
    if (isClosing) {
      db.close();
      port.close();
    }
  });

  const commit = (requests: readonly WriteRequest[]): GroupAnswer => {
    try {
      const answers = group.commit(requests);
      journal.tend();
      return { kind: 'answered', answers };
    } catch (thrown) {
      const failure = failureOf(thrown, file);
      if (failure === null) throw thrown;
      return { kind: 'failed', count: requests.length, failure };
    }
  };
}

function receive(): WriterCall | undefined {
  return receiveMessageOnPort(port)?.message;
}

/** How many of the oldest requests make one group; at least one, however large. */
function groupLength(requests: readonly WriteRequest[]): number {
  let events = 0;
  let chars = 0;
  let count = 0;
  for (const request of requests) {
    if ('state' in request) chars += request.state.length;
    else {
      for (const one of 'chain' in request ? request.chain : [request]) {
        events += one.events.length;
        for (const { data, metadata } of one.events) chars += data.length + metadata.length;
      }
    }
    if (count > 0 && (events > groupEventsMax || chars > groupCharsMax)) break;
    count += 1;
  }
  return count;
}

function say(answer: WriterAnswer): void {
  port.postMessage(answer);
}
