import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Entity } from '#projections';
import { cli } from '#test/process';
import { type Served, serveNode, settled } from '#test/served';
import {
  type Question,
  type QuestionKind,
  questionKinds,
  questions,
} from './bench/retrieval/questions.ts';

let served: Served;
beforeAll(async () => {
  served = await serveNode();
  expect(await cli(['ingest', 'samples', '--url', served.url])).toMatchObject({ code: 0 });
  await settled(served.url);
}, 120_000);
afterAll(() => served.close());

const ofKind = (kind: QuestionKind) => questions.filter((one) => one.kind === kind);
const answersOf = ({ judgements }: Question) =>
  [...judgements.keys()].filter((id) => judgements.get(id) === 2);
/** Those of four letters and more; shorter ones say little. */
const wordsOf = (text: string) => new Set(text.toLowerCase().match(/[\p{L}\p{N}]{4,}/gu));

async function near(id: string, depth: number): Promise<readonly Entity[]> {
  const { nodes } = await served.node.graph.neighbourhood('default', id, depth);
  return nodes.map(({ entity }) => entity);
}

/** Share of the question's words that stand in the text of its answers or the comments on them. */
async function sharedOf(question: Question): Promise<number> {
  const asked = wordsOf(question.q);
  const told = await Promise.all(answersOf(question).map((id) => near(id, 1)));
  const texts = told.flatMap(([answer, ...others]) => [
    answer!,
    ...others.filter(({ properties }) => properties.kind === 'comment'),
  ]);
  const there = wordsOf(JSON.stringify(texts.map(({ properties }) => properties)));
  return [...asked].filter((word) => there.has(word)).length / asked.size;
}

describe('the questions about the samples', () => {
  it('are 60 or more, each asked once, and 15 or more of each kind', () => {
    expect(new Set(questions.map(({ q }) => q)).size).toBe(questions.length);
    expect(questions.length).toBeGreaterThanOrEqual(60);
    for (const kind of questionKinds) expect(ofKind(kind).length).toBeGreaterThanOrEqual(15);
  });

  it('have answers that are there, and none is a comment', async () => {
    const labelled = new Set(questions.flatMap(({ judgements }) => [...judgements.keys()]));
    for (const id of labelled) {
      const { properties } = await served.node.graph.entity('default', id);
      expect(properties.kind).not.toBe('comment');
    }
    for (const question of questions) expect(answersOf(question)).not.toEqual([]);
  });

  it('of the kind words share most of their words with their answers', async () => {
    for (const question of ofKind('words')) {
      expect(await sharedOf(question), question.q).toBeGreaterThanOrEqual(0.5);
    }
  });

  it('of the kind paraphrase share few words with their answers', async () => {
    for (const question of ofKind('paraphrase')) {
      expect(await sharedOf(question), question.q).toBeLessThanOrEqual(0.25);
    }
  });

  it('of the kind relation have each answer at most two edges from something that helps', async () => {
    for (const question of ofKind('relation')) {
      for (const answer of answersOf(question)) {
        const reached = (await near(answer, 2)).slice(1).map(({ id }) => id);
        const helpful = [...question.judgements.keys()].filter(
          (id) => !answersOf(question).includes(id),
        );
        expect(
          reached.some((id) => helpful.includes(id)),
          question.q,
        ).toBe(true);
      }
    }
  });
});
