/** Messages of a queue or topic that will arrive at a later time. Pure; their bytes are in the store. */
import { Agenda } from './agenda.ts';
import { conditions, Refusal } from './refusal.ts';

export interface Scheduled {
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly dueAt: number;
  /** What it counts towards the quota. */
  readonly bytes: number;
}

interface Entry {
  readonly at: number;
  readonly scheduled: Scheduled;
  /** A settling one is on its way out: it arrives, or it is cancelled. */
  state: 'waiting' | 'settling' | 'gone';
}

export class Schedule {
  readonly #entries = new Map<number, Entry>();
  readonly #agenda = new Agenda<Entry>(({ state }) => state === 'waiting');
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** The time at which `due` should be asked next. */
  get nextDeadline(): number {
    return this.#agenda.next;
  }

  has(sequence: number): boolean {
    return this.#entries.has(sequence);
  }

  add(scheduled: Scheduled): void {
    const entry: Entry = { at: scheduled.dueAt, scheduled, state: 'waiting' };
    this.#entries.set(scheduled.sequence, entry);
    this.#bytes += scheduled.bytes;
    this.#agenda.add(entry, this.#entries.size);
  }

  /** Claims those whose time has come, in the order of their times, at most so many. */
  due(now: number, countMax = Number.POSITIVE_INFINITY): readonly Scheduled[] {
    const found: Scheduled[] = [];
    while (found.length < countMax) {
      const entry = this.#agenda.take(now);
      if (entry === undefined) break;
      entry.state = 'settling';
      found.push(entry.scheduled);
    }
    return found;
  }

  /** Claims these to cancel them: all or none. Throws message-not-found. */
  claim(sequences: readonly number[]): void {
    const entries = sequences.map((sequence) => this.#entries.get(sequence));
    for (const [at, entry] of entries.entries()) {
      if (entry?.state === 'waiting') continue;
      const text = `No message with the sequence number ${sequences[at]} is scheduled here.`;
      throw new Refusal(conditions.messageNotFound, text);
    }
    for (const entry of entries) entry!.state = 'settling';
  }

  /** They have arrived, or they are cancelled. */
  remove(sequences: readonly number[]): void {
    for (const sequence of sequences) {
      const entry = this.#entries.get(sequence);
      if (entry === undefined) continue;
      entry.state = 'gone';
      this.#entries.delete(sequence);
      this.#bytes -= entry.scheduled.bytes;
    }
  }

  /** The store refused: they wait again. */
  restore(sequences: readonly number[]): void {
    for (const sequence of sequences) {
      const entry = this.#entries.get(sequence);
      if (entry === undefined) continue;
      entry.state = 'waiting';
      this.#agenda.add(entry, this.#entries.size);
    }
  }
}
