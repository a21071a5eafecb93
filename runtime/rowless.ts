/**
 * The generations of a projection without rows: it has a place in the log and follows it to some effect.
 * There is one, always live; nothing of it can be built anew, since what was said can't be unsaid.
 */
import { RuntimeError } from './errors.ts';
import type { Generations, Sink } from './ports/sink.ts';
import type { Projection } from './projection.ts';

/** Where it stands and what it does with a batch, as `Sink` promises both. */
export type RowlessSink<Change> = Pick<Sink<Change>, 'position' | 'apply'>;

/** Whatever would build, keep or drop rows is refused with REQUEST_INVALID. */
export function rowless<Change>(
  { name, version }: Pick<Projection, 'name' | 'version'>,
  effect: RowlessSink<Change>,
): Generations<Change> {
  const sink: Sink<Change> = {
    generation: 1,
    position: () => effect.position(),
    apply: (batch) => effect.apply(batch),
    checksum: async () => ({ rows: 0, digest: '', position: await effect.position() }),
  };
  const refused = () => new RuntimeError('REQUEST_INVALID', `${name} has no rows to build anew`);
  const refuse = () => Promise.reject(refused());
  return {
    live: async () => ({ sink, version }),
    begin: refuse,
    complete: refuse,
    promote: refuse,
    promotion: () => {
      throw refused();
    },
    leave: refuse,
    discard: refuse,
    kept: refuse,
    list: async () => [],
  };
}
