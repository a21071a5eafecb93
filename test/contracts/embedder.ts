/** The exam of every Embedder. `make` gives one, ready to be asked; all of them have the same model. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Embedder } from '#runtime';

export interface EmbedderUnderTest {
  readonly embedder: Embedder;
  readonly dispose: () => Promise<void>;
}

export function describeEmbedder(name: string, make: () => Promise<EmbedderUnderTest>): void {
  describe(name, () => {
    let under: EmbedderUnderTest;
    const { signal } = new AbortController();
    const embed = (...texts: readonly string[]) => under.embedder.embed(texts, signal);
    beforeEach(async () => {
      under = await make();
    });
    afterEach(() => under.dispose());

    it('says what its model is', () => {
      const { model, textsMax } = under.embedder;
      expect(model.name).not.toBe('');
      expect(model.version).not.toBe('');
      expect(model.dimensions).toBeGreaterThanOrEqual(1);
      expect(textsMax).toBeGreaterThanOrEqual(1);
    });

    it('gives each text a vector of length 1 and of the dimensions that it says, in order', async () => {
      const texts = ['the login fails', 'the database is slow', 'a new office'];
      const vectors = await embed(...texts);
      expect(vectors).toHaveLength(3);
      for (const vector of vectors) assertUnit(vector, under.embedder);
      for (const [at, text] of texts.entries()) {
        expect(cosine((await embed(text))[0]!, vectors[at]!)).toBeCloseTo(1, 5);
      }
    });

    it('gives the same text the same vector, in whatever company, from whichever embedder', async () => {
      const [alone] = await embed('the login fails');
      const [, repeated, third] = await embed(
        'something else',
        'the login fails',
        'the login fails',
      );
      expect(repeated).toEqual(alone);
      expect(third).toEqual(alone);
      const other = await make();
      try {
        expect(other.embedder.model).toEqual(under.embedder.model);
        expect(await other.embedder.embed(['the login fails'], signal)).toEqual([alone]);
      } finally {
        await other.dispose();
      }
    });

    it('sets likes nearer than strangers', async () => {
      const [text, like, stranger] = await embed(
        'the payment service times out after the deployment',
        'timeouts of the payment service since it was deployed',
        'who brings cake to the summer party',
      );
      expect(cosine(text!, like!)).toBeGreaterThan(cosine(text!, stranger!));
    });

    it('takes as many texts at once as it says, and none', async () => {
      const texts = Array.from({ length: under.embedder.textsMax }, (_, at) => `text ${at}`);
      expect(await embed(...texts)).toHaveLength(texts.length);
      expect(await embed()).toEqual([]);
    });

    it('gives any text a vector: without words, long, and of broken Unicode', async () => {
      const any = fc.string({ unit: 'binary', maxLength: 200 });
      const odd = fc.constantFrom('', ' \n', '!!!', '\ud800', '\0', '🔥🔥', 'x'.repeat(20_000));
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.oneof(any, odd), { minLength: 1, maxLength: 5 }),
          async (texts) => {
            for (const vector of await embed(...texts)) assertUnit(vector, under.embedder);
          },
        ),
        { numRuns: 30 },
      );
    });

    it('answers each of many calls with its own vectors', async () => {
      const texts = Array.from({ length: 30 }, (_, at) => `issue number ${at} of the sprint`);
      const together = await Promise.all(texts.map((text) => embed(text)));
      for (const [at, text] of texts.entries()) expect(together[at]).toEqual(await embed(text));
    });

    it('throws the reason of a signal that is aborted', async () => {
      const reason = new Error('nobody waits any more');
      await expect(under.embedder.embed(['text'], AbortSignal.abort(reason))).rejects.toBe(reason);
    });
  });
}

export function cosine(one: Float32Array, other: Float32Array): number {
  return one.reduce((sum, number, at) => sum + number * other[at]!, 0);
}

function assertUnit(vector: Float32Array, { model }: Embedder): void {
  expect(vector).toBeInstanceOf(Float32Array);
  expect(vector).toHaveLength(model.dimensions);
  expect(cosine(vector, vector)).toBeCloseTo(1, 5);
}
