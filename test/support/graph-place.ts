/** A runtime of which only the place of its graph is known: where a test says. */
import type { Backend } from '#adapters/http';
import { Progress } from '#runtime';

export function graphPlace(position = 0): {
  readonly progress: Progress;
  readonly runtime: Backend['runtime'];
} {
  const progress = new Progress();
  progress.advance(position);
  const runtime = { projector: () => ({ progress }) } as unknown as Backend['runtime'];
  return { progress, runtime };
}
