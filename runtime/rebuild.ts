/**
 * History read again: into new generations, into kept ones, or into a scratch copy to compare with.
 *
 *     begin ─▶ loading ─▶ indexing ─┬─▶ once more ─▶ alone: the last stretch, the change
 *     begin ─▶ loading ─▶ indexing ─╯
 *
 * R1: readers and followers go on with the old generations until the last step. R2: several projections
 * are loaded side by side, wait for the slowest, and change at one position in one transaction. R3: they
 * are begun in the order of their names, and none waits for another's lock: of two nodes one goes on. R4:
 * a build that is cut off by a passing fault, a stop or a crash is left where it is, and the next one
 * goes on with it; so is one that only shared the fate of another.
 */
import { Build, type BuildSource } from './build.ts';
import type { Checksum } from './ports/sink.ts';

export interface RebuildOptions {
  /** Events a second at most, of all together, to leave the machine to others; absent: no bound. */
  readonly eventsPerSecondMax?: number;
  /** Keeps the generations that are replaced, to switch back to. */
  readonly keepsOld?: boolean;
}

export interface Verification {
  readonly name: string;
  /** Both generations hold exactly the events up to here. */
  readonly position: number;
  readonly isSame: boolean;
  readonly live: Checksum;
  readonly replayed: Checksum;
}

/** Runs `work` while nobody else applies to any of them. */
export type Alone = <T>(work: () => Promise<T>) => Promise<T>;

/** New generations, or ones that were cut off, made live together. Answers where they stand. */
export async function renew(
  sources: readonly BuildSource[],
  signal: AbortSignal,
  alone: Alone,
  { eventsPerSecondMax, keepsOld = false }: RebuildOptions = {},
): Promise<number> {
  const pace = eventsPerSecondMax && eventsPerSecondMax / sources.length;
  const builds: Build[] = [];
  try {
    for (const source of inOrder(sources)) builds.push(await Build.begun(source));
    await together(builds, signal, (build, cut) => build.load(cut, pace));
    // What came while the slowest of them was loaded, so that little is left to do while alone.
    await together(builds, signal, (build, cut) => build.load(cut, pace));
    return await alone(() => change(builds, signal, keepsOld));
  } catch (thrown) {
    // What can't be dropped now is a leftover, and the next build drops it.
    await Promise.allSettled(builds.map((build) => build.letGo()));
    throw thrown;
  }
}

/**
 * The kept generations brought up to date and made live again; those that were live are kept. Answers
 * where they stand. Throws GENERATION_UNKNOWN where of one none is kept, PROJECTION_OUTDATED where another
 * version of the code built it, CHECKPOINT_AHEAD where the log was restored since.
 */
export async function switchBack(
  sources: readonly BuildSource[],
  signal: AbortSignal,
  alone: Alone,
): Promise<number> {
  const builds: Build[] = [];
  try {
    for (const source of inOrder(sources)) builds.push(await Build.kept(source));
    for (const build of builds) await build.assertWithinLog();
    await together(builds, signal, (build, cut) => build.replay(cut));
    return await alone(() => change(builds, signal, true));
  } catch (thrown) {
    await Promise.allSettled(builds.map((build) => build.leave()));
    throw thrown;
  }
}

/** Replays history into a scratch generation and compares its rows with the live ones. */
export async function verify(source: BuildSource, signal: AbortSignal): Promise<Verification> {
  const { generations, name } = source;
  const scratch = await generations.begin();
  const build = new Build(source, scratch);
  try {
    const { sink } = await generations.live();
    await build.replay(signal, { upTo: await sink.position() });
    // The live generation goes on meanwhile; its digest says where it stood when it was taken.
    const live = await sink.checksum();
    await build.replay(signal, { upTo: live.position });
    const replayed = await scratch.checksum();
    const isSame = live.digest === replayed.digest && live.rows === replayed.rows;
    return { name, position: live.position, isSame, live, replayed };
  } finally {
    await generations.discard(scratch);
  }
}

/** The last stretch of all to one position, and the change of generations. Call while alone. */
async function change(
  builds: readonly Build[],
  signal: AbortSignal,
  keepsOld: boolean,
): Promise<number> {
  const [first, ...others] = builds;
  const head = await first!.head();
  await together(builds, signal, (build, cut) => build.replay(cut, { upTo: head }));
  try {
    await first!.promote(others, { keepsOld });
  } catch (thrown) {
    // Whose fault it is can't be told.
    if (!signal.aborted) for (const build of builds) build.blame(thrown);
    throw thrown;
  }
  return head;
}

/** Runs a step of every build; the first that fails cuts the others off, and its failure is thrown. */
async function together(
  builds: readonly Build[],
  signal: AbortSignal,
  step: (build: Build, cut: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const cut = AbortSignal.any([signal, failed.signal]);
  await Promise.all(
    builds.map(async (build) => {
      try {
        await step(build, cut);
      } catch (thrown) {
        if (!cut.aborted) build.blame(thrown);
        failed.abort(thrown);
      }
    }),
  );
  signal.throwIfAborted();
  failed.signal.throwIfAborted();
}

function inOrder(sources: readonly BuildSource[]): readonly BuildSource[] {
  return sources.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
