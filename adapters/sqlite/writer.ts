/**
 * The main thread's side of the writer: what is to be written goes to the thread in batches, answers
 * come back in the same order.
 *
 *     no thread ──first write──▶ thread ──it died: all that waits fails──▶ no thread
 *
 * W1: every write is answered or fails; none hangs. W2: after the death of a thread the outcome of
 * what waited is unknown, and the same call may be repeated (I2 of the frame makes that safe).
 */
import { Worker } from 'node:worker_threads';
import { type AppendResult, limits, RuntimeError, type Telemetry } from '#runtime';
import { closedLog, errorOf } from './error.ts';
import type {
  AppendRequest,
  ChainAnswer,
  ChainRequest,
  SnapshotRequest,
  WriteAnswer,
  WriteRequest,
} from './group.ts';
import type { GroupAnswer, WriterAnswer, WriterCall, WriterData } from './writer-thread.ts';

interface Waiting {
  /** Of the request. */
  readonly events: number;
  readonly resolve: (answer: WriteAnswer) => void;
  readonly reject: (error: RuntimeError) => void;
}

/** Posted at once when so many came together, so that the thread works while we go on deciding. */
const batchRequestsMax = 256;

export class Writer {
  readonly #file: string;
  readonly #telemetry: Telemetry | undefined;
  #thread: Worker | null = null;
  /** Not posted yet; posted when this turn of the event loop is over. */
  #batch: WriteRequest[] = [];
  /** Everything unanswered, posted or not, oldest first. */
  #waiting: Waiting[] = [];
  #room = Promise.withResolvers<void>();
  #closing: Promise<void> | null = null;

  private constructor(file: string, telemetry: Telemetry | undefined) {
    this.#file = file;
    this.#telemetry = telemetry;
  }

  /**
   * Opens the file for writing; makes it where there is none. Rejects with DATA_CORRUPT,
   * DATA_FORMAT_NEWER, LOG_FULL or LOG_UNAVAILABLE.
   */
  static async open(file: string, telemetry?: Telemetry): Promise<Writer> {
    const writer = new Writer(file, telemetry);
    await new Promise<void>((opened, lost) => writer.#start({ opened, lost }));
    return writer;
  }

  append(request: AppendRequest): Promise<AppendResult> {
    return this.#write(request) as Promise<AppendResult>;
  }

  chain(request: ChainRequest): Promise<ChainAnswer> {
    return this.#write(request) as Promise<ChainAnswer>;
  }

  async keep(request: SnapshotRequest): Promise<void> {
    await this.#write(request);
  }

  /** Answers what was accepted, then ends the thread. Later writes throw SHUTTING_DOWN. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #write(request: WriteRequest): Promise<WriteAnswer> {
    while (this.#waiting.length >= limits.appendQueueMax) await this.#room.promise;
    if (this.#closing !== null) throw closedLog();
    if (this.#thread === null) this.#start();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ events: eventsOf(request), resolve, reject });
      this.#batch.push(request);
      if (this.#batch.length >= batchRequestsMax) this.#post();
      else if (this.#batch.length === 1) setImmediate(() => this.#post());
    });
  }

  #start(opening?: { opened: () => void; lost: (error: RuntimeError) => void }): void {
    const workerData: WriterData = {
      file: this.#file,
      lockMs: limits.logLockMs,
      journalBytes: limits.logJournalBytes,
      groupEventsMax: limits.groupCommitEventsMax,
      groupCharsMax: limits.groupCommitCharsMax,
    };
    const script = new URL('./writer-thread.ts', import.meta.url);
    // Node's flags for the main script, such as --import, are not for the thread.
    const thread = new Worker(script, { workerData, execArgv: [] });
    this.#thread = thread;
    let reason = new RuntimeError('LOG_UNAVAILABLE', "the event log's writer ended");
    thread.on('message', (answer: WriterAnswer) => {
      if (answer.kind === 'opened') opening?.opened();
      else if (answer.kind === 'refused') reason = errorOf(answer.failure);
      else this.#settle(answer);
    });
    thread.on('error', (cause) => {
      const message = `the event log's writer died: ${cause.message}`;
      reason = new RuntimeError('LOG_UNAVAILABLE', message, { cause });
    });
    thread.on('exit', () => {
      this.#thread = null;
      this.#batch = [];
      this.#fail(this.#waiting.length, reason);
      opening?.lost(reason);
    });
  }

  #post(): void {
    if (this.#batch.length === 0) return;
    this.#call(this.#batch);
    this.#batch = [];
  }

  #call(call: WriterCall): void {
    this.#thread?.postMessage(call);
  }

  #settle(answer: GroupAnswer): void {
    if (answer.kind === 'failed') {
      this.#fail(answer.count, errorOf(answer.failure));
      return;
    }
    const { answers } = answer;
    let sum = 0;
    this.#take(answers.length).forEach(({ events, resolve }, at) => {
      sum += events;
      resolve(answers[at]!);
    });
    // A group may be snapshots alone.
    if (sum > 0) this.#telemetry?.record({ name: 'group-committed', events: sum });
  }

  #fail(count: number, error: RuntimeError): void {
    for (const { reject } of this.#take(count)) reject(error);
  }

  #take(count: number): readonly Waiting[] {
    const taken = this.#waiting.splice(0, count);
    this.#room.resolve();
    this.#room = Promise.withResolvers();
    return taken;
  }

  async #end(): Promise<void> {
    const thread = this.#thread;
    if (thread === null) return;
    const ended = new Promise((resolve) => thread.once('exit', resolve));
    this.#post();
    this.#call('close');
    await ended;
  }
}

function eventsOf(request: WriteRequest): number {
  if ('state' in request) return 0;
  if ('events' in request) return request.events.length;
  return request.chain.reduce((sum, { events }) => sum + events.length, 0);
}
