import { describe, expect, it } from 'vitest';
import { inspect } from '#test/inspection';
import { runWorld } from '#test/world';
import { bugs } from './bugs.ts';

const seeds = Array.from({ length: 200 }, (_, index) => index + 1);

describe('the simulated world', () => {
  it('keeps every promise under 200 seeds of faults, and meets each fault sometimes', async () => {
    const seen = new Set<string>();
    for (const seed of seeds) {
      const world = await runWorld(seed);
      expect(await inspect(world), `seed ${seed}`).toEqual([]);
      for (const name of world.seen) seen.add(name);
    }
    expect([...seen]).toEqual(
      expect.arrayContaining([
        'append: crash-before',
        'append: crash-after',
        'append: lost-reply',
        'append: refused',
        'append: slow',
        'apply: crash-before',
        'apply: crash-after',
        'apply: lost-reply',
        'append-conflicted',
        'append-retried',
        'recovery-retried',
        'message-abandoned',
        'message-dead-lettered',
        'actor-passivated',
        'snapshot-saved',
        'projection-retried',
        'projection-overtaken',
        'projection-rebuilt',
      ]),
    );
  });

  it.each([3, 77, 141])('replays seed %i exactly', async (seed) => {
    const [first, second] = [await runWorld(seed), await runWorld(seed)];
    expect(second.hash).toBe(first.hash);
  });
});

describe('a planted bug', () => {
  it.each(bugs)('is caught: $name', async (bug) => {
    for (const seed of seeds) {
      const faults = await inspect(await runWorld(seed, bug));
      if (faults.length > 0) return;
    }
    expect.fail(`no seed of ${seeds.length} noticed`);
  });
});
