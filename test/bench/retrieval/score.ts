/**
 * How good a ranking is, by the measures of information retrieval: values from 0 (nothing found) to 1.
 *
 * Judgements are graded: 2 is an answer, 1 helps. Recall and MRR ask for answers alone; nDCG pays for
 * both, an answer three times as much, and less the further down it stands. An id that comes twice in a
 * ranking counts where it comes first, and the places behind it stay as they are.
 */

export type Grade = 1 | 2;
/** By entity id; what is not in it is of no use. */
export type Judgements = ReadonlyMap<string, Grade>;

export interface Judged {
  /** Ids, the best first. */
  readonly ranking: readonly string[];
  readonly judgements: Judgements;
}

export interface Scores {
  /** Share of the answers that are among the first ten. */
  readonly recall: number;
  /** 1 over the place of the first answer. */
  readonly mrr: number;
  /** What the first ten are worth, over the worth of the best order there is. */
  readonly ndcg: number;
}

const depth = 10;

/** The mean over questions, each counting the same. NaN where there are none. */
export function meanScores(judged: readonly Judged[]): Scores {
  const mean = (score: (one: Judged) => number) =>
    judged.reduce((sum, one) => sum + score(one), 0) / judged.length;
  return {
    recall: mean((one) => recallAt(depth, one)),
    mrr: mean(reciprocalRank),
    ndcg: mean((one) => ndcgAt(depth, one)),
  };
}

export function recallAt(k: number, { ranking, judgements }: Judged): number {
  const answers = [...judgements.keys()].filter((id) => judgements.get(id) === 2);
  const first = new Set(ranking.slice(0, k));
  return answers.filter((id) => first.has(id)).length / answers.length;
}

export function reciprocalRank({ ranking, judgements }: Judged): number {
  const at = ranking.findIndex((id) => judgements.get(id) === 2);
  return at < 0 ? 0 : 1 / (at + 1);
}

export function ndcgAt(k: number, { ranking, judgements }: Judged): number {
  const gains = ranking.map((id, at) =>
    ranking.indexOf(id) < at ? 0 : gainOf(judgements.get(id)),
  );
  const ideal = [...judgements.values()].map(gainOf).sort((a, b) => b - a);
  return worthOf(gains.slice(0, k)) / worthOf(ideal.slice(0, k));
}

function gainOf(grade: Grade | undefined): number {
  return grade === undefined ? 0 : 2 ** grade - 1;
}

function worthOf(gains: readonly number[]): number {
  return gains.reduce((sum, gain, at) => sum + gain / Math.log2(at + 2), 0);
}
