/**
 * The Streams service on a store: append, batch append, read and subscribe, with back-pressure, and
 * with the faults that a test asks for.
 */
import type {
  ServerDuplexStream,
  ServerReadableStream,
  ServerWritableStream,
  sendUnaryData,
} from '@grpc/grpc-js';
import type streams from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js';
import type { KeptEvent, KurrentStore, ProposedEvent, Written } from './kurrentdb-store.ts';
import {
  appendAnswer,
  batchAnswer,
  batchTooLarge,
  caughtUp,
  checkpoint,
  confirmation,
  eventAnswer,
  expectedOf,
  grpcError,
  noStreamAnswer,
  passes,
  proposedOf,
  streamOf,
  tooLarge,
} from './kurrentdb-wire.ts';

/** What goes wrong, from the moment it is set. */
export interface KurrentFaults {
  /** Appends that are taken and kept, and never answered. */
  lostAnswers: number;
  /** Appends that are heard and neither kept nor answered. */
  lostAppends: number;
  /** Reads are heard and not answered. */
  silentReads: boolean;
  /** Subscriptions are heard, and nothing comes. */
  silentSubscriptions: boolean;
  /** Appends, and reads of `$all` forward, wait for this before they are answered. */
  hold: Promise<void> | null;
  /** Nothing is answered at all. */
  silent: boolean;
  /** What every call is refused with. */
  refusal: ReturnType<typeof grpcError> | null;
  appendBytesMax: number;
}

type ReadReq = InstanceType<typeof streams.ReadReq>;
type ReadResp = InstanceType<typeof streams.ReadResp>;
type AppendReq = InstanceType<typeof streams.AppendReq>;
type AppendResp = InstanceType<typeof streams.AppendResp>;
type BatchReq = InstanceType<typeof streams.BatchAppendReq>;
type BatchResp = InstanceType<typeof streams.BatchAppendResp>;
type Reading = ServerWritableStream<ReadReq, ReadResp>;

export class KurrentStreams {
  readonly #store: KurrentStore;
  readonly #faults: KurrentFaults;
  /** Calls since the beginning, by kind. */
  readonly calls = { append: 0, batchAppend: 0, read: 0, subscribe: 0 };

  constructor(store: KurrentStore, faults: KurrentFaults) {
    this.#store = store;
    this.#faults = faults;
  }

  append(call: ServerReadableStream<AppendReq, AppendResp>, done: sendUnaryData<AppendResp>): void {
    this.calls.append += 1;
    const requests: AppendReq[] = [];
    call.on('data', (request: AppendReq) => requests.push(request));
    call.on('end', () => {
      const { refusal, silent, appendBytesMax } = this.#faults;
      if (silent) return;
      if (refusal !== null) return done(refusal);
      const [head, ...rest] = requests;
      const events = rest.map((request) => proposedOf(request.getProposedMessage()!));
      if (sizeOf(events) > appendBytesMax) return done(tooLarge(appendBytesMax));
      const options = head!.getOptions()!;
      const stream = streamOf(options.getStreamIdentifier());
      const answer = () => {
        const result = this.#write(stream, expectedOf(options), events);
        if (result !== null) done(null, appendAnswer(result));
      };
      if (this.#faults.hold === null) answer();
      else void this.#faults.hold.then(answer);
    });
  }

  batchAppend(call: ServerDuplexStream<BatchReq, BatchResp>): void {
    this.calls.batchAppend += 1;
    const open = new Map<string, { options: BatchReq; events: ProposedEvent[] }>();
    call.on('data', (request: BatchReq) => {
      const id = request.getCorrelationId()!.getString();
      const entry = open.get(id) ?? { options: request, events: [] };
      open.set(id, entry);
      entry.events.push(...request.getProposedMessagesList().map(proposedOf));
      if (!request.getIsFinal() || this.#faults.silent) return;
      open.delete(id);
      const { appendBytesMax } = this.#faults;
      const options = entry.options.getOptions()!;
      const result =
        sizeOf(entry.events) > appendBytesMax
          ? 'too large'
          : this.#write(streamOf(options.getStreamIdentifier()), expectedOf(options), entry.events);
      if (result === null) return;
      const answer = result === 'too large' ? batchTooLarge(appendBytesMax) : batchAnswer(result);
      answer.setCorrelationId(request.getCorrelationId());
      answer.setStreamIdentifier(options.getStreamIdentifier());
      call.write(answer);
    });
    call.on('end', () => call.end());
  }

  read(call: Reading): void {
    const options = call.request.getOptions()!;
    const isSubscription = options.hasSubscription();
    this.calls[isSubscription ? 'subscribe' : 'read'] += 1;
    const { refusal, silent, silentReads, hold } = this.#faults;
    if (silent || (silentReads && !isSubscription)) return;
    if (refusal !== null) return void call.emit('error', refusal);
    if (isSubscription) return void this.#subscribe(call);
    const answer = () => {
      const events = options.hasStream() ? this.#ofStream(call) : this.#ofAll(call);
      if (events !== null) void send(call, events.slice(0, Number(options.getCount())));
    };
    if (hold === null || !options.hasAll() || options.getReadDirection() === 1) answer();
    else void hold.then(answer);
  }

  #write(stream: string, expected: ReturnType<typeof expectedOf>, events: ProposedEvent[]) {
    if (this.#faults.lostAppends > 0) {
      this.#faults.lostAppends -= 1;
      return null;
    }
    const result: Written = this.#store.append(stream, expected, events);
    if (this.#faults.lostAnswers === 0 || result.kind !== 'written') return result;
    this.#faults.lostAnswers -= 1;
    return null;
  }

  #ofStream(call: Reading): readonly KeptEvent[] | null {
    const options = call.request.getOptions()!;
    const place = options.getStream()!;
    const name = streamOf(place.getStreamIdentifier());
    const standing = this.#store.stream(name);
    if (standing === null) {
      call.write(noStreamAnswer(name));
      call.end();
      return null;
    }
    const from = place.hasRevision() ? Number(place.getRevision()) : null;
    return options.getReadDirection() === 0
      ? standing.filter(({ revision }) => revision >= (from ?? 0))
      : standing.filter(({ revision }) => revision <= (from ?? Infinity)).reverse();
  }

  #ofAll(call: Reading): readonly KeptEvent[] | null {
    const options = call.request.getOptions()!;
    const place = options.getAll()!;
    const isForward = options.getReadDirection() === 0;
    const { all } = this.#store;
    let from = isForward === place.hasEnd() ? all.length : 0;
    if (place.hasPosition()) {
      from = this.#store.indexAt(Number(place.getPosition()!.getCommitPosition()));
      if (from < 0) {
        const told = 'Unexpected FilteredReadAllResult: InvalidPosition';
        call.emit('error', grpcError('UNKNOWN', told));
        return null;
      }
    } else if (!isForward) from = place.hasEnd() ? all.length : 0;
    const wanted = passes(options.getFilter());
    const count = Number(options.getCount());
    const found: KeptEvent[] = [];
    const step = isForward ? 1 : -1;
    for (let at = isForward ? from : from - 1; at >= 0 && at < all.length; at += step) {
      if (found.length >= count) break;
      if (wanted(all[at]!)) found.push(all[at]!);
    }
    return found;
  }

  async #subscribe(call: Reading): Promise<void> {
    const options = call.request.getOptions()!;
    const place = options.getAll()!;
    const filter = options.getFilter();
    const wanted = passes(filter);
    const interval = (filter?.getMax() || 32) * (filter?.getCheckpointintervalmultiplier() || 1);
    const { all } = this.#store;
    let at = place.hasEnd() ? all.length : 0;
    if (place.hasPosition()) {
      const from = this.#store.indexAt(Number(place.getPosition()!.getCommitPosition()));
      if (from < 0) {
        const told = 'Trying to read from an invalid position.';
        return void call.emit('error', grpcError('INVALID_ARGUMENT', told));
      }
      at = from + 1;
    }
    if (this.#faults.silentSubscriptions) return;
    call.write(confirmation());
    let considered = 0;
    while (!call.cancelled && !call.destroyed) {
      for (; at < all.length; at++) {
        const event = all[at]!;
        considered += 1;
        if (wanted(event)) await flushed(call, call.write(eventAnswer(event)));
        else if (considered % interval === 0) call.write(checkpoint(event.position));
        if (call.cancelled || call.destroyed) return;
      }
      call.write(caughtUp());
      await this.#growth(call);
    }
  }

  #growth(call: Reading): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        stop();
        call.off('cancelled', done).off('close', done);
        resolve();
      };
      const stop = this.#store.listen(done);
      call.on('cancelled', done).on('close', done);
    });
  }
}

async function send(call: Reading, events: readonly KeptEvent[]): Promise<void> {
  for (const event of events) {
    await flushed(call, call.write(eventAnswer(event)));
    if (call.cancelled || call.destroyed) return;
  }
  call.end();
}

/** Resolves when there is room for more, or nobody listens any longer. */
function flushed(call: Reading, isRoom: boolean): Promise<void> | void {
  if (isRoom) return;
  return new Promise((resolve) => {
    const done = () => {
      call.off('drain', done).off('cancelled', done).off('close', done);
      resolve();
    };
    call.on('drain', done).on('cancelled', done).on('close', done);
  });
}

function sizeOf(events: readonly ProposedEvent[]): number {
  return events.reduce((sum, { data, metadata }) => sum + data.length + metadata.length, 0);
}
