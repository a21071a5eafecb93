/** Questions taken apart, and what was found put together: the pure parts of the retrieval. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '#runtime';
import { foundIn } from '../../projections/retrieval/found.ts';
import { fuse } from '../../projections/retrieval/fuse.ts';
import { labelOf, titleOf, urlOf } from '../../projections/retrieval/heading.ts';
import { queryWords } from '../../projections/retrieval/query-words.ts';

describe('a question', () => {
  const none = { words: [], phrases: [], excluded: [] };
  it.each([
    ['refund gateway', { words: ['refund', 'gateway'] }],
    ['Who owns the Refund page?', { words: ['owns', 'refund', 'page?'] }],
    ["who's on it", { words: ["who's", 'on', 'it'] }],
    ['"refund flow" owner', { words: ['owner'], phrases: ['refund flow'] }],
    ['refund -draft -"old flow"', { words: ['refund'], excluded: ['draft', 'old flow'] }],
    ['"not closed', { phrases: ['not closed'] }],
    ['OPS-12 or TIX-3', { words: ['ops-12', 'tix-3'] }],
    ['refund refund REFUND', { words: ['refund'] }],
    ['"the who"', { phrases: ['the who'] }],
    ['- -- "" !? …', {}],
    ['返金 Überprüfung', { words: ['返金', 'überprüfung'] }],
  ])('is taken apart: %s', (q, parts) => {
    expect(queryWords(q)).toEqual({ ...none, ...parts });
  });

  it('has no more words than are looked for, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (q) => {
        const all = Object.values(queryWords(q)).flat();
        expect(all.length).toBeLessThanOrEqual(limits.queryWordsMax);
        expect(all.every((one) => /[\p{L}\p{N}]/u.test(one))).toBe(true);
      }),
    );
  });
});

const order = fc.uniqueArray(fc.constantFrom(...'abcdefghij'), { maxLength: 10 });

describe('fusion', () => {
  it('puts what both orders have above what one has, at like places', () => {
    expect(
      fuse([
        ['a', 'b'],
        ['c', 'b'],
      ]).map(({ id }) => id),
    ).toEqual(['b', 'a', 'c']);
  });

  it('adds the reciprocal ranks', () => {
    expect(fuse([['a'], ['b', 'a']])).toEqual([
      { id: 'a', score: 1 / 61 + 1 / 62 },
      { id: 'b', score: 1 / 61 },
    ]);
  });

  it('does not depend on which order comes first', () => {
    fc.assert(
      fc.property(fc.array(order, { maxLength: 4 }), (orders) => {
        expect(fuse(orders.toReversed())).toEqual(fuse(orders));
      }),
    );
  });

  it('has everything once, and never lowers what moves up in one order', () => {
    fc.assert(
      fc.property(order, order, fc.nat(9), (one, other, at) => {
        const before = fuse([one, other]).map(({ id }) => id);
        expect(before.toSorted()).toEqual([...new Set([...one, ...other])].toSorted());
        const id = one[at];
        if (id === undefined || at === 0) return;
        const better = one.toSpliced(at, 1).toSpliced(at - 1, 0, id);
        const after = fuse([better, other]).map((each) => each.id);
        expect(after.indexOf(id)).toBeLessThanOrEqual(before.indexOf(id));
      }),
    );
  });
});

describe('what was found', () => {
  const passage = (entityId: string, similarity: number) => ({
    chunkId: `${entityId}#0`,
    entityId,
    position: 1,
    text: entityId,
    similarity,
  });

  it('counts for what it stands for, at the place of its best text', () => {
    const standsFor = new Map([
      ['page', 'page'],
      ['comment', 'page'],
      ['other', 'other'],
    ]);
    const found = foundIn(
      [
        { id: 'comment', score: 3 },
        { id: 'page', score: 2 },
        { id: 'other', score: 1 },
      ],
      [passage('other', 0.9), passage('comment', 0.8)],
      standsFor,
    );
    expect(found).toMatchObject([
      {
        id: 'other',
        explained: { words: { rank: 2, score: 1 }, vectors: { rank: 1, similarity: 0.9 } },
      },
      {
        id: 'page',
        explained: { words: { rank: 1, score: 3 }, vectors: { rank: 2, similarity: 0.8 } },
        texts: ['comment', 'page'],
        passages: [{ entityId: 'comment' }],
      },
    ]);
  });

  it('is not shown where it stands for nothing any more', () => {
    expect(foundIn([{ id: 'gone', score: 1 }], [passage('gone', 1)], new Map())).toEqual([]);
  });
});

describe('a heading', () => {
  const entity = (properties: Record<string, unknown>, url = '') => ({
    id: 'the-id',
    properties,
    source: { system: 'jira' as const, id: '1', url },
  });

  it.each([
    [{ key: 'OPS-1', title: 'Login  fails\n' }, 'Login fails', 'OPS-1 Login fails'],
    [{ name: 'Ann' }, 'Ann', 'Ann'],
    [{ title: 42 }, '42', '42'],
    [{ key: 'OPS-1', title: { no: 'text' } }, 'OPS-1', 'OPS-1'],
    [{ text: 'A comment.' }, 'A comment.', 'A comment.'],
    [{}, 'the-id', 'the-id'],
  ])('is what people call it: %j', (properties, title, label) => {
    expect(titleOf(entity(properties))).toBe(title);
    expect(labelOf(entity(properties))).toBe(label);
  });

  it('is one line of bounded length that cuts no character in two', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 1_000 }), (title) => {
        const shown = titleOf(entity({ title }));
        expect(shown).not.toMatch(/\n/);
        expect(Array.from(shown).length).toBeLessThanOrEqual(200);
        expect(shown.isWellFormed()).toBe(title.isWellFormed() || shown.isWellFormed());
      }),
    );
  });

  it.each([
    ['https://acme.example/1', 'https://acme.example/1'],
    ['javascript:alert(1)', null],
    ['', null],
    ['https://acme.example/a b', null],
  ])('has a URL only where it can be opened: "%s"', (url, shown) => {
    expect(urlOf(entity({}, url))).toBe(shown);
  });
});
