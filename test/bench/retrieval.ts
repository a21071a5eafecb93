/**
 * How good retrieval is: the labelled questions about the sample company, put to a node as users do, in
 * each mode. `hybrid+graph` is what POST /query goes by: the hits, and what their edges lead to.
 *
 * The company is small: 26 entities can be hits, so that for a question with one answer an order by
 * chance has a recall@10 of 0.38 and an MRR of 0.15, and one question more is 0.04 of its kind. With the
 * default embedder, which knows no synonyms, paraphrases are not far above that: set the environment's
 * EMBEDDINGS_… to measure a true model.
 */
import { cli, startNode } from '#test/process';
import { ask, settled } from '#test/served';
import { until } from '#test/until';
import type { Benchmark } from './report.ts';
import {
  type Question,
  type QuestionKind,
  questionKinds,
  questions,
} from './retrieval/questions.ts';
import { type Judged, meanScores, recallAt, type Scores } from './retrieval/score.ts';
import { inFolder } from './rig.ts';

const modes = ['words', 'vectors', 'hybrid', 'hybrid+graph'] as const;
type Mode = (typeof modes)[number];

const measures: Readonly<Record<string, (scores: Scores) => number>> = {
  'recall@10': ({ recall }) => recall,
  MRR: ({ mrr }) => mrr,
  'nDCG@10': ({ ndcg }) => ndcg,
};

/** Until a true model has embedded the samples. */
const indexedWithinMs = 600_000;

interface Answered extends Judged, Question {
  readonly mode: Mode;
}

export const retrieval: Benchmark = (say) =>
  inFolder(async (folder) => {
    const node = await startNode({ ...embeddingSettings(), DATA_DIR: folder });
    const answered = await answers(node.url).finally(() => node.child.kill());
    await node.ended;
    for (const { kind, q } of answered.filter(isMissed)) say(`not found (${kind}): ${q}`);
    const kinds: readonly (QuestionKind | 'all')[] = [...questionKinds, 'all'];
    const scored = kinds.flatMap((kind) =>
      modes.map((mode) => {
        const of = answered.filter(
          (one) => one.mode === mode && (kind === 'all' || kind === one.kind),
        );
        return { kind, mode, scores: meanScores(of) };
      }),
    );
    for (const name of Object.keys(measures)) say(matrix(name, kinds, scored));
    return scored.flatMap(({ kind, mode, scores }) =>
      Object.entries(measures).map(([name, measure]) => ({
        label: `${kind}, ${mode}: ${name}`,
        unit: 'of 1',
        value: measure(scores),
      })),
    );
  });

function embeddingSettings(): Readonly<Record<string, string>> {
  const settings = Object.entries(process.env).filter(([name]) => name.startsWith('EMBEDDINGS'));
  return Object.fromEntries(settings) as Record<string, string>;
}

/** Every question in every mode, once graph and index hold all the samples. */
async function answers(url: string): Promise<readonly Answered[]> {
  const { code, stderr } = await cli(['ingest', 'samples', '--url', url]);
  if (code !== 0) throw new Error(`the samples were refused: ${stderr}`);
  await settled(url);
  const head: number = (await ask(url, '/projections')).body.items[0].head;
  const isIndexed = async () => {
    const { status } = await ask(url, `/search?atLeast=${head}`, { body: { q: 'refund' } });
    return status === 200;
  };
  await until('the samples are indexed', isIndexed, indexedWithinMs);
  const answered: Answered[] = [];
  for (const mode of modes) {
    for (const question of questions) {
      answered.push({ ...question, mode, ranking: await rankingOf(url, question, mode) });
    }
  }
  return answered;
}

async function rankingOf(url: string, { q }: Question, mode: Mode): Promise<readonly string[]> {
  const { status, body } =
    mode === 'hybrid+graph'
      ? await ask(url, '/query', { body: { q } })
      : await ask(url, '/search', { body: { q, mode } });
  if (status !== 200) throw new Error(`${mode}: ${q}: ${JSON.stringify(body)}`);
  if (mode !== 'words' && body.vectors !== 'used') throw new Error(`vectors are ${body.vectors}`);
  return body.hits.map(({ entity }: { entity: { id: string } }) => entity.id);
}

function isMissed(one: Answered): boolean {
  return one.mode === 'hybrid+graph' && recallAt(10, one) === 0;
}

function matrix(
  name: string,
  kinds: readonly string[],
  scored: readonly { kind: string; mode: Mode; scores: Scores }[],
): string {
  const line = (head: string, cells: readonly string[]) =>
    head.padEnd(12) + cells.map((cell) => cell.padStart(14)).join('');
  const rows = kinds.map((kind) => {
    const ofKind = scored.filter((one) => one.kind === kind);
    return line(
      kind,
      ofKind.map(({ scores }) => measures[name]!(scores).toFixed(3)),
    );
  });
  return [line(name, modes), ...rows].join('\n');
}
