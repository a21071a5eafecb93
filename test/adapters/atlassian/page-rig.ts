/** A page reader on a local server: a clock that leaps over every pause, a bus that only collects. */
import type { ActorMessage } from '#actors';
import { type Connection, pageReaderOf } from '#adapters/atlassian';
import type { Bus, Clock } from '#runtime';
import { Recorder } from '#test/telemetry';
import { confluence, site } from './delivered.ts';
import type { PageServer } from './page-server.ts';

export type Wanted = {
  kind: 'page' | 'blogpost';
  localId: string;
  version: number;
  sinceMs: number;
  bornMs: number;
};

/** Every pause is over at once and remembered. */
export class LeapingClock implements Clock {
  readonly pauses: number[] = [];
  #nowMs = Date.parse('2026-11-24T12:00:00.000Z');

  now(): number {
    return this.#nowMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.pauses.push(ms);
    this.#nowMs += ms;
  }
}

export class Checkpoint {
  at = 0;

  async position(): Promise<number> {
    return this.at;
  }

  async advance(from: number, to: number): Promise<number> {
    if (this.at === from) this.at = to;
    return this.at;
  }
}

export const pace = { requestMs: 5_000, retriesMax: 4, backoffBaseMs: 500, backoffCapMs: 60_000 };

export function readerOn(server: PageServer, clock: Clock = new LeapingClock(), ownPace = pace) {
  const published: ActorMessage[] = [];
  const bus = {
    publish: async (messages) => {
      published.push(...messages.map(({ body }) => JSON.parse(String(body)) as ActorMessage));
    },
  } as Bus;
  const checkpoint = new Checkpoint();
  const telemetry = new Recorder();
  const stop = new AbortController();
  const connection = connectionOf(server);
  const reader = pageReaderOf(connection, {
    bus,
    checkpoint,
    clock,
    telemetry,
    signal: stop.signal,
    pace: ownPace,
  })!;
  const apply = async (...changes: readonly Wanted[]) => {
    const { sink } = await reader.generations.live();
    return sink.apply({ changes, from: checkpoint.at, to: checkpoint.at + 10 });
  };
  const outcomes = () => telemetry.all('page-read').map(({ outcome }) => outcome);
  return { apply, checkpoint, outcomes, published, reader, stop };
}

export function connectionOf({ baseUrl }: PageServer): Connection {
  const credentials = { baseUrl, email: 'bot@acme.example', apiToken: 'tok' };
  return { ...confluence, credentials };
}

export const wanted = (localId: string, more: Partial<Wanted> = {}): Wanted => ({
  kind: 'page',
  localId,
  version: 3,
  sinceMs: 0,
  bornMs: 0,
  ...more,
});

export const pageId = (local: string) => `confluence:${site}:page:${local}`;
