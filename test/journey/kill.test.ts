import { expect, it } from 'vitest';
import { effort } from '#test/effort';
import { killRounds, type Round } from '#test/kill-rounds';

const rounds = effort(2, 5);
/** Some 15 s; a busy machine takes its time. */
const timeoutMs = 180_000;

it(
  `loses nothing that was acked over ${rounds} rounds of kill -9 under load`,
  async () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const played: Round[] = [];
    await killRounds(rounds, seed, (round) => played.push(round));
    expect(
      played.flatMap(({ faults }) => faults),
      `seed ${seed}`,
    ).toEqual([]);
    expect(played.at(-1)?.acked).toBeGreaterThan(20 * rounds);
    expect(played.some(({ unanswered }) => unanswered > 0)).toBe(true);
  },
  timeoutMs,
);
