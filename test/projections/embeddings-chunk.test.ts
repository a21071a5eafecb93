/** Cutting texts: everything is in, nothing is too long, and what is far from a change stays as it is. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemIds } from '#adapters/system';
import { chunksOf, passagesOf } from '#projections';
import { limits } from '#runtime';
import { Chance } from '#test/chance';
import { effort } from '#test/effort';

const named = (name: string) => systemIds.named(name);
const chunksIn = (properties: Record<string, unknown>) =>
  chunksOf({ properties, isDeleted: false }, named).chunks;

/** Texts with borders of all kinds, and long stretches without any. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom(' ', '\n', '\n\n', '. ', '… ', '。', '!" ', '\n \n', '\t', '😀'),
      fc
        .tuple(fc.constantFrom('a', '😀', ' ', '.', '\n', "'"), fc.nat(300))
        .map(([unit, times]) => unit.repeat(times)),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''));

const charsMax = fc.integer({ min: 2, max: 400 });
const runs = { numRuns: effort(300, 3_000) };

describe('passages of a text', () => {
  it('have all of it but white space between them, in order and within their bound', () => {
    fc.assert(
      fc.property(anyText, charsMax, (text, max) => {
        let at = 0;
        for (const { first, last } of passagesOf(text, max)) {
          expect(text.slice(at, first).trim()).toBe('');
          expect(text.slice(first, last)).toBe(text.slice(first, last).trim());
          expect(last - first).toBeGreaterThan(0);
          expect(last - first).toBeLessThanOrEqual(max);
          at = last;
        }
        expect(text.slice(at).trim()).toBe('');
      }),
      runs,
    );
  });

  it('are whole code points where the text is', () => {
    fc.assert(
      fc.property(anyText, charsMax, (text, max) => {
        for (const { first, last } of passagesOf(text.toWellFormed(), max)) {
          expect(text.toWellFormed().slice(first, last).isWellFormed()).toBe(true);
        }
      }),
      runs,
    );
  });

  it('end where paragraphs do, else lines, sentences, words', () => {
    const cut = (text: string, max: number) =>
      passagesOf(text, max).map(({ first, last }) => text.slice(first, last));
    expect(cut('one two\nthree\n\nfour five\nsix', 16)).toEqual([
      'one two\nthree',
      'four five\nsix',
    ]);
    expect(cut('one two\nthree four', 12)).toEqual(['one two', 'three four']);
    expect(cut('One two. Three four.', 12)).toEqual(['One two.', 'Three four.']);
    expect(cut('one two three four', 10)).toEqual(['one two', 'three four']);
    expect(cut('abcdefgh', 3)).toEqual(['abc', 'def', 'gh']);
    expect(cut('a😀😀', 2)).toEqual(['a', '😀', '😀']);
  });

  it('take linear time of hostile texts', () => {
    for (const part of ['.', '\n', ' ', "'", '."', '.\n', '\n ', 'a. ', '。', '😀']) {
      const text = part.repeat(limits.textCharsMax / part.length);
      expect(passagesOf(text, 1_200).length).toBeLessThan(limits.textCharsMax / 100);
    }
  });
});

describe('chunks of a document', () => {
  const chance = new Chance(7);
  const words = 'deploy refund page token queue retry owner blocks merge sprint budget'.split(' ');
  const lines = (count: number) =>
    Array.from({ length: count }, () =>
      Array.from({ length: 4 + chance.int(30) }, () => chance.pick(words)).join(' '),
    );

  it('stay as they are far from a line that changes, comes or goes', () => {
    for (let round = 0; round < effort(30, 300); round++) {
      const before = lines(200);
      const hashes = new Set(chunksIn({ text: before.join('\n') }).map(({ hash }) => hash));
      const at = 1 + chance.int(190);
      const edits = [
        before.with(at, 'something else stands here now'),
        before.toSpliced(at, 1),
        before.toSpliced(at, 0, 'a line more'),
      ];
      for (const after of edits) {
        const fresh = chunksIn({ text: after.join('\n') }).filter(({ hash }) => !hashes.has(hash));
        // 200 lines are some 25 chunks.
        expect(fresh.length).toBeLessThanOrEqual(8);
      }
    }
  });

  it('are embedded beneath the heading, the first one beneath the facts also, and shown without', () => {
    const text = lines(60).join('\n');
    const properties = {
      key: 'PAY-1',
      title: 'Refunds  fail',
      status: 'Open',
      labels: ['a', 'b'],
      text,
    };
    const chunks = chunksIn(properties);
    expect(chunks.length).toBeGreaterThan(3);
    expect(chunks[0]!.embedded).toBe(`PAY-1 Refunds fail\nOpen, a, b\n${chunks[0]!.text}`);
    for (const { embedded, text: shown } of chunks.slice(1)) {
      expect(embedded).toBe(`PAY-1 Refunds fail\n${shown}`);
      expect(text).toContain(shown);
    }
    const other = chunksIn({ ...properties, status: 'Done' });
    expect(other.filter(({ hash }, at) => hash !== chunks[at]?.hash).map(({ ord }) => ord)).toEqual(
      [0],
    );
  });

  it('are one that shows the heading where there is no text, and none where there is nothing', () => {
    expect(chunksIn({ name: 'Ada' })).toMatchObject([{ ord: 0, text: 'Ada', embedded: 'Ada' }]);
    expect(chunksIn({ status: 'Open' })).toEqual([]);
    expect(chunksIn({ title: ' ', text: '\n\n', name: null, key: { a: 1 }, labels: 7 })).toEqual(
      [],
    );
    expect(chunksOf({ properties: { name: 'Ada' }, isDeleted: true }, named).chunks).toEqual([]);
  });

  it('are the same each time, within the bound of a model, whatever the properties hold', () => {
    const anyProperties = fc.dictionary(
      fc.constantFrom('key', 'title', 'name', 'text', 'status', 'labels', 'other'),
      fc.oneof({ weight: 3, arbitrary: anyText }, fc.jsonValue()),
    );
    fc.assert(
      fc.property(anyProperties, (properties) => {
        const chunks = chunksIn(properties);
        expect(chunksIn(structuredClone(properties))).toEqual(chunks);
        for (const [at, chunk] of chunks.entries()) {
          expect(chunk.ord).toBe(at);
          expect(chunk.text).not.toBe('');
          expect(chunk.embedded.length).toBeLessThanOrEqual(limits.chunkCharsMax);
        }
      }),
      runs,
    );
  });

  it('are no more than the limit, and it is said how many are left out', () => {
    const text = Array.from({ length: 1_000 }, (_, n) => `${n} ${'x'.repeat(900)}`).join('\n');
    const { chunks, leftOut } = chunksOf({ properties: { text }, isDeleted: false }, named);
    expect(chunks).toHaveLength(limits.chunksMax);
    expect(leftOut).toBe(passagesOf(text, 1_198).length - limits.chunksMax);
  });
});
