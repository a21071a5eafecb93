/** The local broker's decisions, without wire or store: queues against a naive model, and their parts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Agenda } from '../../infra/service-bus-local/core/agenda.ts';
import { Duplicates } from '../../infra/service-bus-local/core/duplicates.ts';
import { Heap } from '../../infra/service-bus-local/core/heap.ts';
import type { Message } from '../../infra/service-bus-local/core/message.ts';
import { Queue } from '../../infra/service-bus-local/core/queue.ts';
import { Refusal } from '../../infra/service-bus-local/core/refusal.ts';
import { Schedule } from '../../infra/service-bus-local/core/schedule.ts';

const lockMs = 10;
const deliveriesMax = 3;
const sessionIds = ['a', 'b', 'c'];
const owners = [{ name: 'one' }, { name: 'two' }];

/** One message, as anybody would write it down who does not care for speed. */
interface Note {
  readonly sequence: number;
  readonly sessionId: string;
  readonly expiresAt: number;
  count: number;
  isDeferred: boolean;
  state: 'free' | 'locked' | 'gone';
  token: number;
  until: number;
}

interface SessionNote {
  owner: object;
  until: number;
}

class NaiveQueue {
  readonly requiresSession: boolean;
  notes: Note[] = [];
  sessions = new Map<string, SessionNote>();

  constructor(requiresSession: boolean) {
    this.requiresSession = requiresSession;
  }

  get living(): Note[] {
    return this.notes.filter(({ state }) => state !== 'gone');
  }

  next(now: number, sessionId?: string): Note | undefined {
    return this.notes.find(
      (note) =>
        note.state === 'free' &&
        !note.isDeferred &&
        note.expiresAt > now &&
        (sessionId === undefined || note.sessionId === sessionId),
    );
  }

  holds(owner: object, sessionId: string, now: number): boolean {
    const session = this.sessions.get(sessionId);
    return session?.owner === owner && session.until > now;
  }

  lock(note: Note, token: number, now: number): void {
    Object.assign(note, { state: 'locked', token, until: now + lockMs });
  }

  locked(token: number, now: number): Note | undefined {
    const note = this.notes.find((one) => one.state === 'locked' && one.token === token);
    if (note === undefined) return undefined;
    const until = this.requiresSession ? this.sessions.get(note.sessionId)?.until : note.until;
    return until !== undefined && until > now ? note : undefined;
  }

  /** What ends by now, as kind and sequence. */
  end(now: number): string[] {
    const ended: string[] = [];
    const lost = [...this.sessions].filter(([, { until }]) => until <= now).map(([id]) => id);
    for (const id of lost) this.sessions.delete(id);
    for (const note of this.living) {
      const isLost = this.requiresSession ? lost.includes(note.sessionId) : note.until <= now;
      if (note.state === 'locked' && isLost) {
        note.count += 1;
        note.state = note.count >= deliveriesMax ? 'gone' : 'free';
        ended.push(`${note.state === 'gone' ? 'exhausted' : 'returned'} ${note.sequence}`);
      }
      if (note.state === 'free' && note.expiresAt <= now) {
        note.state = 'gone';
        ended.push(`expired ${note.sequence}`);
      }
    }
    return [...ended, ...lost.map((id) => `lost ${id}`)].sort();
  }
}

type Step =
  | { readonly do: 'send'; readonly session: number; readonly lives: number }
  | {
      readonly do: 'take' | 'accept' | 'leave' | 'renew session';
      readonly session: number;
      readonly owner: number;
    }
  | { readonly do: 'accept next'; readonly owner: number }
  | { readonly do: 'complete' | 'abandon' | 'defer' | 'renew' | 'fail'; readonly token: number }
  | { readonly do: 'take deferred'; readonly sequence: number; readonly owner: number }
  /** Time passes; after `wait` what is due is ended, after `pass` it is still there. */
  | { readonly do: 'wait' | 'pass'; readonly ms: number };

const small = (max: number) => fc.integer({ min: 0, max });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('send' as const), session: small(2), lives: small(40) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'take' as const,
        'take' as const,
        'accept' as const,
        'leave' as const,
        'renew session' as const,
      ),
      session: small(2),
      owner: small(1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('accept next' as const), owner: small(1) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'complete' as const,
        'abandon' as const,
        'defer' as const,
        'renew' as const,
        'fail' as const,
      ),
      token: small(6),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('take deferred' as const),
      sequence: small(12),
      owner: small(1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('wait' as const, 'pass' as const), ms: small(12) }),
  },
);

/** Both do the same steps; every answer must be the same. */
function compare(requiresSession: boolean, steps: readonly Step[]): void {
  const queue = new Queue({ lockMs, deliveriesMax, requiresSession });
  const naive = new NaiveQueue(requiresSession);
  const tokens: number[] = [];
  let now = 1_000;
  let sequence = 0;

  const tookAlike = (message: Message | null, note: Note | undefined) => {
    expect(message?.sequence).toBe(note?.sequence);
    if (message === null || note === undefined) return;
    expect(message.deliveryCount).toBe(note.count);
    tokens.push(message.lock!.token);
    naive.lock(note, message.lock!.token, now);
  };
  const refused = (work: () => void): boolean => {
    try {
      work();
      return false;
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(Refusal);
      return true;
    }
  };
  /** One of the last locks, by how long ago; 0 where there was none. */
  const recent = (ago: number) => tokens.at(-1 - ago) ?? 0;

  const acts: { readonly [K in Step['do']]: (step: Extract<Step, { do: K }>) => void } = {
    send({ session, lives }) {
      sequence += 1;
      // Some live for ever.
      const expiresAt = lives > 20 ? Number.POSITIVE_INFINITY : now + lives + 1;
      const sessionId = sessionIds[session]!;
      const arrival = {
        sequence,
        sessionId,
        enqueuedAt: now,
        expiresAt,
        bytes: 1,
        deliveryCount: 0,
      };
      queue.admit({ ...arrival, isDeferred: false });
      const note = {
        sequence,
        sessionId,
        expiresAt,
        count: 0,
        isDeferred: false,
        token: 0,
        until: 0,
      };
      naive.notes.push({ ...note, state: 'free' });
    },
    take({ session, owner }) {
      if (!requiresSession) {
        tookAlike(queue.take(now), naive.next(now));
        return;
      }
      const id = sessionIds[session]!;
      const held = queue.session(id);
      const message = held === undefined ? null : queue.takeFrom(held, owners[owner]!, now);
      tookAlike(message, naive.holds(owners[owner]!, id, now) ? naive.next(now, id) : undefined);
    },
    accept({ session, owner }) {
      if (!requiresSession) return;
      const id = sessionIds[session]!;
      const isRefused = refused(() => queue.accept(id, owners[owner]!, now));
      expect(isRefused).toBe(naive.sessions.has(id));
      if (!isRefused) naive.sessions.set(id, { owner: owners[owner]!, until: now + lockMs });
    },
    'accept next'({ owner }) {
      if (!requiresSession) return;
      const session = queue.acceptNext(owners[owner]!, now);
      const ready = sessionIds.filter(
        (id) => !naive.sessions.has(id) && naive.next(now, id) !== undefined,
      );
      expect(session === null).toBe(ready.length === 0);
      if (session === null) return;
      expect(ready).toContain(session.id);
      naive.sessions.set(session.id, { owner: owners[owner]!, until: now + lockMs });
    },
    leave: ({ session, owner }) => leave(session, owner),
    'renew session'({ session, owner }) {
      const id = sessionIds[session]!;
      const held = queue.session(id);
      const isHeld = held?.isHeldBy(owners[owner]!, now) ?? false;
      expect(isHeld).toBe(naive.holds(owners[owner]!, id, now));
      if (!isHeld) return;
      expect(queue.renewSession(held!, now)).toBe(now + lockMs);
      naive.sessions.get(id)!.until = now + lockMs;
    },
    renew({ token }) {
      const note = naive.locked(recent(token), now);
      expect(refused(() => queue.renew(recent(token), now))).toBe(note === undefined);
      if (note === undefined) return;
      if (requiresSession) naive.sessions.get(note.sessionId)!.until = now + lockMs;
      else note.until = now + lockMs;
    },
    complete: ({ token }) =>
      settle(token, (message, note) => {
        queue.remove(message);
        note.state = 'gone';
      }),
    abandon: ({ token }) =>
      settle(token, (message, note) => {
        note.count += 1;
        note.state = 'free';
        expect(queue.isLastDelivery(message)).toBe(note.count >= deliveriesMax);
        queue.giveBack(message, message.deliveryCount + 1);
      }),
    defer: ({ token }) =>
      settle(token, (message, note) => {
        note.isDeferred = true;
        note.state = 'free';
        queue.putAside(message, message.deliveryCount);
      }),
    fail: ({ token }) =>
      settle(token, (message, note) => {
        expect(refused(() => queue.claim(recent(token), now))).toBe(true);
        // The owner may leave before the store has refused.
        if (requiresSession && token % 2 === 1) {
          const owner = owners.findIndex((one) => naive.holds(one, note.sessionId, now));
          leave(sessionIds.indexOf(note.sessionId), owner);
          expect(note.state).toBe('free');
        }
        queue.restore(message);
      }),
    'take deferred'({ sequence: wanted, owner }) {
      let message: Message | null = null;
      refused(() => {
        message = queue.takeDeferred(wanted, owners[owner]!, now);
      });
      const note = naive.notes.find(
        (one) =>
          one.sequence === wanted && one.isDeferred && one.state === 'free' && one.expiresAt > now,
      );
      const isAllowed =
        note !== undefined &&
        (!requiresSession || naive.holds(owners[owner]!, note.sessionId, now));
      tookAlike(message, isAllowed ? note : undefined);
    },
    pass({ ms }) {
      now += ms;
    },
    wait({ ms }) {
      now += ms;
      const isDue = queue.nextDeadline <= now;
      const ended = queue.overdue(now).map((each) => {
        if (each.kind === 'session lost') return `lost ${each.session.id}`;
        if (each.kind !== 'returned') queue.remove(each.message);
        return `${each.kind} ${each.message.sequence}`;
      });
      expect(ended.sort()).toEqual(naive.end(now));
      if (ended.length > 0) expect(isDue).toBe(true);
    },
  };
  function leave(session: number, owner: number): void {
    const id = sessionIds[session]!;
    const held = queue.session(id);
    if (held === undefined) return;
    queue.leave(held, owners[owner]!);
    if (naive.sessions.get(id)?.owner !== owners[owner]) return;
    naive.sessions.delete(id);
    for (const note of naive.living) {
      if (note.sessionId === id && note.state === 'locked') note.state = 'free';
    }
  }

  function settle(ago: number, then: (message: Message, note: Note) => void): void {
    const note = naive.locked(recent(ago), now);
    let message: Message | undefined;
    expect(
      refused(() => {
        message = queue.claim(recent(ago), now);
      }),
    ).toBe(note === undefined);
    if (note !== undefined) then(message!, note);
  }

  for (const each of steps) {
    (acts[each.do] as (step: Step) => void)(each);
    expect(queue.size).toBe(naive.living.length);
    expect(queue.bytes).toBe(naive.living.length);
  }
}

describe('a queue', () => {
  it('does what a naive one does, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) =>
        compare(false, steps),
      ),
      { numRuns: 1_000 },
    );
  });

  it('with sessions does what a naive one does, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => compare(true, steps)),
      { numRuns: 1_000 },
    );
  });

  it('remembers nothing of messages and sessions that are gone', () => {
    const queue = new Queue({ lockMs, deliveriesMax, requiresSession: true });
    const owner = owners[0]!;
    for (let sequence = 1; sequence <= 20_000; sequence += 1) {
      const sessionId = `s-${sequence}`;
      const arrival = { sequence, sessionId, enqueuedAt: 0, bytes: 1, deliveryCount: 0 };
      queue.admit({ ...arrival, expiresAt: 1_000_000, isDeferred: false });
      const session = queue.acceptNext(owner, 1)!;
      const message = queue.takeFrom(session, owner, 1)!;
      queue.remove(queue.claim(message.lock!.token, 1));
      queue.leave(session, owner);
      expect(queue.session(sessionId)).toBeUndefined();
    }
    expect(queue.size + queue.bytes).toBe(0);
    // All that is left to happen is nothing.
    expect(queue.overdue(2_000_000)).toEqual([]);
    expect(queue.nextDeadline).toBe(Number.POSITIVE_INFINITY);
  });
});

it('an agenda sweeps what no longer stands before it grows', () => {
  let swept = 0;
  const agenda = new Agenda<{ at: number; of: number }>(({ of }) => {
    swept += 1;
    return of >= 99_990;
  });
  for (let of = 0; of < 100_000; of += 1) agenda.add({ at: of, of }, 10);
  expect(agenda.take(99_995)).toMatchObject({ of: 99_990 });
  // Each was looked at once or twice, not once for each that came later.
  expect(swept).toBeLessThan(300_000);
});

it('a heap gives its items in order', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.integer(), (items, limit) => {
      const heap = new Heap<number>((one, other) => one < other);
      for (const item of items) heap.push(item);
      heap.retain((item) => item >= limit);
      const given = Array.from({ length: heap.size }, () => heap.pop());
      expect(given).toEqual(items.filter((item) => item >= limit).sort((a, b) => a - b));
      expect(heap.pop()).toBeUndefined();
    }),
  );
});

describe('duplicate detection', () => {
  it('knows an id for its window, from its first message on', () => {
    const duplicates = new Duplicates(100, 10);
    expect(duplicates.remember('a', 0)).toBe(true);
    expect(duplicates.remember('a', 99)).toBe(false);
    expect(duplicates.remember('a', 100)).toBe(true);
    expect(duplicates.remember('a', 199)).toBe(false);
    duplicates.forget('a');
    expect(duplicates.remember('a', 199)).toBe(true);
  });

  it('forgets what left the window, oldest first, so many at a time', () => {
    const seen = ['a', 'b', 'c', 'd'].map((messageId, at) => ({ messageId, at }));
    const duplicates = new Duplicates(100, 4, seen);
    expect(duplicates.isFull).toBe(true);
    expect(duplicates.prune(102, 2)).toEqual(['a', 'b']);
    expect(duplicates.prune(102, 2)).toEqual(['c']);
    expect(duplicates.isFull).toBe(false);
    expect(duplicates.remember('d', 102)).toBe(false);
  });
});

describe('a schedule', () => {
  const scheduled = (sequence: number, dueAt: number) => ({ sequence, dueAt, bytes: 10 });

  it('gives what is due once, in the order of times', () => {
    const schedule = new Schedule();
    for (const [sequence, dueAt] of [
      [1, 30],
      [2, 10],
      [3, 20],
    ] as const) {
      schedule.add(scheduled(sequence, dueAt));
    }
    expect(schedule.nextDeadline).toBe(10);
    expect(schedule.due(25).map(({ sequence }) => sequence)).toEqual([2, 3]);
    expect(schedule.due(25)).toEqual([]);
    schedule.remove([2, 3]);
    expect(schedule.bytes).toBe(10);
  });

  it('cancels all or none, and takes back what the store refused', () => {
    const schedule = new Schedule();
    schedule.add(scheduled(1, 10));
    schedule.add(scheduled(2, 10));
    expect(() => schedule.claim([1, 9])).toThrow(Refusal);
    schedule.claim([1]);
    expect(() => schedule.claim([1, 2])).toThrow(Refusal);
    expect(schedule.due(10).map(({ sequence }) => sequence)).toEqual([2]);
    schedule.restore([1, 2]);
    expect(
      schedule
        .due(10)
        .map(({ sequence }) => sequence)
        .sort(),
    ).toEqual([1, 2]);
  });
});
