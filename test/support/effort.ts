/** How much is tried: what fits into `npm test`, or all of it in `npm run test:long`. */

export const isLong = process.env.COGNISYNC_TEST_EFFORT === 'long';

/** Runs, followers, events: as many as there is time for. */
export function effort(short: number, long: number): number {
  return isLong ? long : short;
}
