/**
 * follow: one log copied into another, until Ctrl-C.
 *
 * Nobody else may write to the target while it follows, and no node may run on it: its dead letters and
 * links would be events of its own, and the copy would end with COPY_DIVERGED.
 */
import { systemClock, systemIds } from '#adapters/system';
import { type CopyStatus, follow, limits } from '#runtime';
import { Complaint } from './complaint.ts';
import { openSource, openTarget } from './log-place.ts';
import { printJson, printLine } from './output.ts';
import { Progress } from './progress.ts';
import { stoppable } from './stoppable.ts';
import { countOf, durationOf } from './text.ts';

interface Options {
  readonly from?: string;
  readonly into: string;
  readonly isJson: boolean;
}

/** Between two lines of JSON while only the position changes. */
const tellMs = 1_000;

export async function followLog({ from, into, isJson }: Options): Promise<void> {
  await using open = new AsyncDisposableStack();
  const source = await openSource(from);
  open.defer(() => source.log.close());
  const target = await openTarget(into);
  open.defer(() => target.log.close());
  if (source.name === target.name) {
    throw new Complaint(`${source.name} can't follow itself`, { hint: 'Name two logs.' });
  }
  const told = new Told(isJson);
  try {
    await stoppable((signal) =>
      follow({
        source: source.log,
        target: target.replica,
        clock: systemClock,
        ids: systemIds,
        limits,
        signal,
        onStatus: (status) => told.show(status),
      }),
    );
  } finally {
    await told.end();
  }
}

/** What a follower says of itself: a bar that is always there, or lines of JSON. */
class Told {
  readonly #isJson: boolean;
  readonly #progress: Progress;
  readonly #timer: NodeJS.Timeout;
  #last: CopyStatus | null = null;
  #printed: CopyStatus | null = null;
  /** Lines are printed one after the other, however slow their reader is. */
  #printing: Promise<void> = Promise.resolve();

  constructor(isJson: boolean) {
    this.#isJson = isJson;
    this.#progress = new Progress('follow', { isShown: !isJson });
    this.#timer = setInterval(() => this.#print(), tellMs);
  }

  show(status: CopyStatus): void {
    this.#last = status;
    const { position, head, lagMs, added, eventsPerSecond, error } = status;
    const lag = position >= head ? 'up to date' : `${durationOf(lagMs / 1_000)} behind`;
    this.#progress.show({
      done: position,
      total: head,
      note: `${countOf(added)} copied, ${error === null ? lag : `${error.code}, trying again`}`,
      rate: { perSecond: eventsPerSecond, unit: 'events' },
    });
    if (status.status !== this.#printed?.status) this.#print();
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    this.#progress.end();
    this.#print();
    await this.#printing;
    if (this.#isJson || this.#last === null) return;
    const { added, position, head } = this.#last;
    await printLine(
      `${countOf(added)} events copied, up to position ${countOf(position)} of ${countOf(head)}.\n` +
        'The same command goes on from here.',
    );
  }

  /** A line of JSON where there is something new to tell. */
  #print(): void {
    const status = this.#last;
    if (!this.#isJson || status === null || status === this.#printed) return;
    this.#printed = status;
    this.#printing = this.#printing.then(() => printJson(viewOf(status)));
  }
}

function viewOf({ error, ...status }: CopyStatus) {
  const lag = Math.max(0, status.head - status.position);
  return { ...status, lag, error: error && { code: error.code, message: error.message } };
}
