/**
 * What a log is, said in the plainest way: lists. For random operations against it and a real log.
 */
import type { AppendResult, ExpectedRevision, ReadStreamOptions } from '#runtime';

export interface ModelEvent {
  readonly id: string;
  readonly stream: string;
  readonly type: string;
}

/** An answer without its position, which each log is free to choose. */
export type ModelAnswer =
  | Omit<Exclude<AppendResult, { kind: 'conflict' }>, 'position'>
  | Extract<AppendResult, { kind: 'conflict' }>;

export class LogModel {
  readonly all: ModelEvent[] = [];

  append(stream: string, events: readonly ModelEvent[], expected: ExpectedRevision): ModelAnswer {
    const standing = this.stream(stream);
    const last = standing.length - 1;
    const mine = events.map(({ id }) => id).join();
    const idsFrom = (revision: number) =>
      standing
        .slice(revision, revision + events.length)
        .map(({ id }) => id)
        .join();

    const place = {
      any: last - events.length + 1,
      stream_exists: last - events.length + 1,
      no_stream: 0,
    };
    const from = typeof expected === 'number' ? expected + 1 : place[expected];
    if (from >= 0 && idsFrom(from) === mine) {
      return { kind: 'duplicate', revision: from + events.length - 1 };
    }
    const isRight =
      expected === 'any' ||
      (expected === 'no_stream' && last === -1) ||
      (expected === 'stream_exists' && last >= 0) ||
      expected === last;
    if (!isRight) return { kind: 'conflict', actual: last };
    this.all.push(...events);
    return { kind: 'appended', revision: last + events.length };
  }

  stream(name: string, options: ReadStreamOptions = {}): readonly ModelEvent[] {
    const standing = this.all.filter(({ stream }) => stream === name);
    const { direction = 'forward', limit = standing.length } = options;
    if (direction === 'forward') return standing.slice(options.from ?? 0).slice(0, limit);
    const from = Math.min(options.from ?? standing.length, standing.length - 1);
    return standing
      .slice(0, from + 1)
      .toReversed()
      .slice(0, limit);
  }
}
