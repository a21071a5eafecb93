/**
 * More seeds than `npm test` has time for: `npm run test:sim -- --count 20000 --from 1`.
 *
 * Stops at the first seed that breaks a promise and prints it; the same seed replays the same run:
 * `npm run test:sim -- --from <seed> --count 1`.
 */
import { parseArgs } from 'node:util';
import { inspect } from '#test/inspection';
import { runWorld } from '#test/world';

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    count: { type: 'string', default: '10000' },
  },
});
const from = Number(values.from);
const count = Number(values.count);
if (!Number.isInteger(from) || !Number.isInteger(count) || count < 1) {
  console.error('--from and --count are whole numbers');
  process.exit(2);
}

const startedMs = performance.now();
for (let done = 0; done < count; done++) {
  const seed = from + done;
  const faults = await inspect(await runWorld(seed));
  if (faults.length > 0) {
    console.error(`seed ${seed} breaks a promise:\n  ${faults.join('\n  ')}`);
    process.exit(1);
  }
  if ((done + 1) % 500 === 0 || done + 1 === count) {
    const perSecond = ((done + 1) / (performance.now() - startedMs)) * 1000;
    console.log(`${done + 1} of ${count} seeds kept every promise (${perSecond.toFixed(0)}/s)`);
  }
}
