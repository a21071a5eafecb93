import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Grade,
  type Judged,
  meanScores,
  ndcgAt,
  recallAt,
  reciprocalRank,
} from './bench/retrieval/score.ts';

/** a and b are answers, c and d help; letters are ids, a dot is anything else. */
const judgements: Judged['judgements'] = new Map([
  ['a', 2],
  ['b', 2],
  ['c', 1],
  ['d', 1],
]);
const judgedOf = (letters: string): Judged => ({
  ranking: [...letters].map((letter, at) => (letter === '.' ? `other-${at}` : letter)),
  judgements,
});

// Worth of the best order, a b c d: 3/1 + 3/1.58496 + 1/2 + 1/2.32193 = 5.82347.
const best = 5.82347;

describe('scores worked out by hand', () => {
  it.each([
    { ranking: 'abcd', recall: 1, mrr: 1, ndcg: 1 },
    { ranking: 'badc', recall: 1, mrr: 1, ndcg: 1 },
    { ranking: '', recall: 0, mrr: 0, ndcg: 0 },
    { ranking: '..........ab', recall: 0, mrr: 1 / 11, ndcg: 0 },
    { ranking: 'cd', recall: 0, mrr: 0, ndcg: (1 + 0.63093) / best },
    { ranking: '.a', recall: 0.5, mrr: 1 / 2, ndcg: (3 * 0.63093) / best },
    { ranking: 'c.a..b', recall: 1, mrr: 1 / 3, ndcg: (1 + 3 / 2 + 3 / 2.80735) / best },
    { ranking: 'aaab', recall: 1, mrr: 1, ndcg: (3 + 3 / 2.32193) / best },
  ])('scores "$ranking"', ({ ranking, recall, mrr, ndcg }) => {
    const judged = judgedOf(ranking);
    expect(recallAt(10, judged)).toBe(recall);
    expect(reciprocalRank(judged)).toBeCloseTo(mrr, 10);
    expect(ndcgAt(10, judged)).toBeCloseTo(ndcg, 4);
  });

  it('looks no further than k', () => {
    expect(recallAt(1, judgedOf('ab'))).toBe(0.5);
    expect(ndcgAt(1, judgedOf('ab'))).toBe(1);
    expect(ndcgAt(1, judgedOf('cab'))).toBeCloseTo(1 / 3, 10);
  });

  it('takes the mean over questions', () => {
    expect(meanScores([judgedOf('abcd'), judgedOf('')])).toEqual({
      recall: 0.5,
      mrr: 0.5,
      ndcg: 0.5,
    });
  });
});

const judgedAny: fc.Arbitrary<Judged> = fc
  .record({
    answers: fc.uniqueArray(fc.constantFrom(...'abcdef'), { minLength: 1 }),
    helpful: fc.uniqueArray(fc.constantFrom(...'ghijkl')),
    ranking: fc.array(fc.constantFrom(...'abcdefghijklmnopqrst'), { maxLength: 30 }),
  })
  .map(({ answers, helpful, ranking }) => ({
    ranking,
    judgements: new Map<string, Grade>([
      ...answers.map((id) => [id, 2] as const),
      ...helpful.map((id) => [id, 1] as const),
    ]),
  }));

describe('for every ranking', () => {
  it('stays between 0 and 1', () => {
    fc.assert(
      fc.property(judgedAny, fc.integer({ min: 1, max: 40 }), (judged, k) => {
        for (const score of [recallAt(k, judged), reciprocalRank(judged), ndcgAt(k, judged)]) {
          expect(score).toBeGreaterThanOrEqual(0);
          expect(score).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('gives the best order 1, at any depth', () => {
    fc.assert(
      fc.property(judgedAny, fc.integer({ min: 1, max: 40 }), ({ judgements }, k) => {
        const ranking = [...judgements.keys()].sort(
          (a, b) => judgements.get(b)! - judgements.get(a)!,
        );
        expect(ndcgAt(k, { ranking, judgements })).toBeCloseTo(1, 10);
        expect(reciprocalRank({ ranking, judgements })).toBe(1);
        expect(recallAt(ranking.length, { ranking, judgements })).toBe(1);
      }),
    );
  });

  it('never scores less where a better one moves up past its neighbour', () => {
    fc.assert(
      fc.property(judgedAny, fc.nat(), ({ ranking: repeated, judgements }, draw) => {
        const ranking = [...new Set(repeated)];
        const gradeAt = (at: number) => judgements.get(ranking[at]!) ?? 0;
        const at = ranking.length < 2 ? 0 : draw % (ranking.length - 1);
        fc.pre(ranking.length >= 2 && gradeAt(at + 1) > gradeAt(at));
        const moved = ranking.with(at, ranking[at + 1]!).with(at + 1, ranking[at]!);
        const [before, after] = [ranking, moved].map((one) => ({ ranking: one, judgements }));
        for (const score of [reciprocalRank, (one: Judged) => recallAt(10, one)]) {
          expect(score(after!)).toBeGreaterThanOrEqual(score(before!));
        }
        expect(ndcgAt(40, after!)).toBeGreaterThan(ndcgAt(40, before!));
      }),
    );
  });
});
