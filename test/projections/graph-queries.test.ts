/** The questions of the graph on a small one, known by heart. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Direction, GraphQueries, type Page } from '#projections';
import { limits, type ReadStore } from '#runtime';
import { entityCreated, entityDeleted, type Fact, linkActivated } from '#test/events';
import { fillGraph } from '#test/graph-store';
import { type StoreUnderTest, storeKinds } from '#test/read-stores';

const issue = (id: string, title: string, text?: string): Fact =>
  entityCreated({ id, properties: { key: id, title, ...(text === undefined ? {} : { text }) } });
const person = (id: string, name: string): Fact =>
  entityCreated({ id, type: 'PERSON', properties: { name } });
type LinkType = 'AUTHORED_BY' | 'ASSIGNED_TO' | 'RELATED_TO' | 'DEPENDS_ON';
const link = (from: string, type: LinkType, to: string): Fact =>
  linkActivated({ id: `${from}>${to}`, from, type, to });

/**
 *     ann ◀─author── OPS-1 ──depends▶ OPS-2 ──depends▶ OPS-3 ⟲ related
 *                 bob ◀─assigned──╯        ╰──author▶ ann         lone
 *                 page ──related▶ OPS-1 ──related▶ (gone)
 */
const facts: readonly Fact[] = [
  person('ann', 'Ann Müller'),
  person('bob', 'Bob'),
  issue(
    'OPS-1',
    'Login fails with timeout',
    'The login_service waits for the database. Überprüfung nötig.',
  ),
  issue('OPS-2', 'Database is slow', 'Queries time out; see OPS-3.'),
  issue('OPS-3', 'Add an index'),
  entityCreated({
    id: 'page',
    type: 'DOCUMENT',
    properties: { title: 'Runbook', text: 'Restart the database, then the login service.' },
  }),
  entityCreated({ id: 'lone', properties: { title: 42 } }),
  entityCreated({ id: 'gone' }),
  entityDeleted({ id: 'gone' }),
  link('OPS-1', 'AUTHORED_BY', 'ann'),
  link('OPS-2', 'AUTHORED_BY', 'ann'),
  link('OPS-1', 'ASSIGNED_TO', 'bob'),
  link('OPS-1', 'DEPENDS_ON', 'OPS-2'),
  link('OPS-2', 'DEPENDS_ON', 'OPS-3'),
  link('page', 'RELATED_TO', 'OPS-1'),
  link('OPS-3', 'RELATED_TO', 'OPS-3'),
  link('OPS-1', 'RELATED_TO', 'gone'),
];

/** All items, a page of `limit` at a time. */
async function paged<Item>(
  limit: number,
  ask: (request: { limit: number; cursor?: string }) => Promise<Page<Item>>,
): Promise<readonly Item[]> {
  const items: Item[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Page<Item> = await ask({ limit, ...(cursor === undefined ? {} : { cursor }) });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    cursor = page.next;
  }
  return items;
}

for (const { name, make } of storeKinds) {
  describe(name, () => {
    let under: StoreUnderTest;
    let store: ReadStore;
    let graph: GraphQueries;
    beforeAll(async () => {
      under = await make();
      store = under.store;
      graph = new GraphQueries(store);
      await fillGraph(store, facts);
    });
    afterAll(() => under.dispose());

    describe('an entity', () => {
      it('is answered as it is', async () => {
        expect(await graph.entity('acme', 'OPS-3')).toEqual({
          id: 'OPS-3',
          type: 'ISSUE',
          properties: { key: 'OPS-3', title: 'Add an index' },
          source: { system: 'jira', id: 'OPS-3', url: 'https://acme.example/OPS-3' },
          confidence: 'HIGH',
          importance: 'NORMAL',
          revision: 0,
          position: 5,
          createdAt: '2026-11-24T12:05:00.000Z',
          updatedAt: '2026-11-24T12:05:00.000Z',
        });
      });

      it.each(['gone', 'never', 'ops-3', ''])('is not found: "%s"', async (id) => {
        const refusal = { code: 'NOT_FOUND' };
        await expect(graph.entity('acme', id)).rejects.toMatchObject(refusal);
        await expect(
          graph.neighbours('acme', id, { direction: 'both', limit: 1 }),
        ).rejects.toMatchObject(refusal);
        await expect(graph.neighbourhood('acme', id, 1)).rejects.toMatchObject(refusal);
        await expect(graph.path('acme', id, 'ann')).rejects.toMatchObject(refusal);
        await expect(graph.path('acme', 'ann', id)).rejects.toMatchObject(refusal);
      });

      it('can not have a NUL in its id', async () => {
        const refusal = { code: 'REQUEST_INVALID' };
        await expect(graph.entity('acme', 'a\0')).rejects.toMatchObject(refusal);
        await expect(graph.path('acme', 'ann', 'a\0')).rejects.toMatchObject(refusal);
      });
    });

    describe('the list of entities', () => {
      it.each([1, 3, 200])('is in the order of ids, by pages of %i', async (limit) => {
        const all = await paged(limit, (request) => graph.entities('acme', request));
        expect(all.map(({ id }) => id)).toEqual([
          'OPS-1',
          'OPS-2',
          'OPS-3',
          'ann',
          'bob',
          'lone',
          'page',
        ]);
        const people = await paged(limit, (request) =>
          graph.entities('acme', { ...request, type: 'PERSON' }),
        );
        expect(people.map(({ id }) => id)).toEqual(['ann', 'bob']);
      });
    });

    describe('neighbours', () => {
      it.each<[string, Direction, LinkType | undefined, readonly string[]]>([
        [
          'OPS-1',
          'out',
          undefined,
          ['out ASSIGNED_TO bob', 'out AUTHORED_BY ann', 'out DEPENDS_ON OPS-2'],
        ],
        ['OPS-1', 'in', undefined, ['in RELATED_TO page']],
        [
          'OPS-1',
          'both',
          undefined,
          [
            'out ASSIGNED_TO bob',
            'out AUTHORED_BY ann',
            'out DEPENDS_ON OPS-2',
            'in RELATED_TO page',
          ],
        ],
        ['OPS-1', 'both', 'DEPENDS_ON', ['out DEPENDS_ON OPS-2']],
        ['OPS-2', 'both', 'DEPENDS_ON', ['out DEPENDS_ON OPS-3', 'in DEPENDS_ON OPS-1']],
        ['ann', 'in', 'AUTHORED_BY', ['in AUTHORED_BY OPS-1', 'in AUTHORED_BY OPS-2']],
        ['OPS-3', 'both', 'RELATED_TO', ['out RELATED_TO OPS-3']],
        ['OPS-3', 'in', 'RELATED_TO', ['in RELATED_TO OPS-3']],
        ['lone', 'both', undefined, []],
      ])('of %s, %s, of type %s', async (id, direction, type, expected) => {
        const filter = { direction, ...(type === undefined ? {} : { type }) };
        for (const limit of [1, 2, 200]) {
          const all = await paged(limit, (page) =>
            graph.neighbours('acme', id, { ...filter, ...page }),
          );
          expect(
            all.map((one) => `${one.direction} ${one.relationship.type} ${one.entity.id}`),
          ).toEqual(expected);
        }
      });

      it('come with the relationship', async () => {
        const { items } = await graph.neighbours('acme', 'bob', { direction: 'in', limit: 1 });
        expect(items[0]?.relationship).toEqual({
          id: 'OPS-1>bob',
          type: 'ASSIGNED_TO',
          sourceId: 'OPS-1',
          targetId: 'bob',
          properties: {},
          confidence: 'HIGH',
          strength: 1,
          revision: 0,
          position: 12,
        });
      });
    });

    describe('a neighbourhood', () => {
      it.each<[string, number, string, number]>([
        ['lone', 5, 'lone', 0],
        ['bob', 1, 'bob OPS-1', 1],
        ['bob', 2, 'bob OPS-1 OPS-2 ann page', 5],
        ['OPS-3', 1, 'OPS-3 OPS-2', 2],
        ['OPS-3', 5, 'OPS-3 OPS-2 OPS-1 ann bob page', 7],
      ])('of %s within %i', async (id, depth, reached, links) => {
        const around = await graph.neighbourhood('acme', id, depth);
        expect(around.nodes.map(({ entity }) => entity.id).join(' ')).toBe(reached);
        expect(around.nodes[0]?.distance).toBe(0);
        expect(around.edges).toHaveLength(links);
        expect(around.truncated).toBe(false);
      });

      it.each([0, -1, 1.5, limits.neighbourhoodDepthMax + 1])('has no depth %d', async (depth) => {
        await expect(graph.neighbourhood('acme', 'ann', depth)).rejects.toMatchObject({
          code: 'REQUEST_INVALID',
        });
      });
    });

    describe('a shortest path', () => {
      it.each<[string, string, string | null]>([
        ['ann', 'ann', 'ann'],
        ['ann', 'bob', 'ann OPS-1 bob'],
        ['bob', 'OPS-3', 'bob OPS-1 OPS-2 OPS-3'],
        ['page', 'ann', 'page OPS-1 ann'],
        ['OPS-3', 'page', 'OPS-3 OPS-2 OPS-1 page'],
        ['ann', 'lone', null],
      ])('from %s to %s', async (from, to, way) => {
        const path = await graph.path('acme', from, to);
        expect(path === null ? null : path.nodes.map(({ id }) => id).join(' ')).toBe(way);
        expect(path?.edges.length).toBe(path?.length);
        path?.edges.forEach(({ sourceId, targetId }, step) => {
          const ends = [path.nodes[step]!.id, path.nodes[step + 1]!.id];
          expect([sourceId, targetId].sort()).toEqual(ends.sort());
        });
      });
    });

    describe('search', () => {
      it.each<[string, readonly string[]]>([
        ['login', ['OPS-1', 'page']],
        ['LOGIN database', ['OPS-1', 'page']],
        ['"login service"', ['OPS-1', 'page']],
        ['login_service', ['OPS-1', 'page']],
        ['"service login"', []],
        ['login -timeout', ['page']],
        ['-timeout runbook or index', ['OPS-3', 'page']],
        ['OPS-3', ['OPS-2', 'OPS-3']],
        ['überprüfung', ['OPS-1']],
        ['müller', ['ann']],
        ['42', ['lone']],
        ['acme', []],
        ['!!! & | <->', []],
        ["'); DROP TABLE", []],
      ])('for %s', async (q, expected) => {
        for (const limit of [1, 50]) {
          const found = await paged(limit, (page) => graph.search('acme', { q, ...page }));
          expect(found.map(({ entity }) => entity.id).sort()).toEqual([...expected].sort());
        }
      });

      it('puts a title before a text, and says where it matched', async () => {
        const { items } = await graph.search('acme', { q: 'database', limit: 3 });
        expect(items.map(({ entity }) => entity.id)).toEqual(['OPS-2', 'page', 'OPS-1']);
        expect(items[0]?.snippet).toContain('**Database** is slow');
        expect(items[0]!.rank).toBeGreaterThan(items[1]!.rank);
      });

      it('looks for one type', async () => {
        const { items } = await graph.search('acme', { q: 'database', type: 'DOCUMENT', limit: 3 });
        expect(items.map(({ entity }) => entity.id)).toEqual(['page']);
      });

      it.each(['', '   ', 'a\0', 'x'.repeat(limits.searchQueryCharsMax + 1)])(
        'refuses %j',
        async (q) => {
          await expect(graph.search('acme', { q, limit: 1 })).rejects.toMatchObject({
            code: 'REQUEST_INVALID',
          });
        },
      );
    });

    describe('a page', () => {
      it.each([0, -1, 1.5, limits.pageItemsMax + 1, Number.NaN])(
        'has no limit %d',
        async (limit) => {
          const refusal = { code: 'REQUEST_INVALID' };
          await expect(graph.entities('acme', { limit })).rejects.toMatchObject(refusal);
          await expect(graph.search('acme', { q: 'a', limit })).rejects.toMatchObject(refusal);
          await expect(
            graph.neighbours('acme', 'ann', { direction: 'in', limit }),
          ).rejects.toMatchObject(refusal);
        },
      );

      it.each([
        '',
        'x',
        '%',
        btoa('[]'),
        btoa('null'),
        btoa('{"0":"a"}'),
        btoa('["out","RELATED_TO",1.5]'),
        btoa('["up","RELATED_TO",1]'),
        btoa('["in","RELATED_TO",1]'),
        btoa('["a\\u0000"]'),
        btoa('["1","2"]'),
        btoa('[1,2]'),
        btoa('["\xff"]'),
      ])('has no cursor %s', async (cursor) => {
        const refusal = { code: 'REQUEST_INVALID' };
        const limit = 1;
        await expect(graph.entities('acme', { limit, cursor })).rejects.toMatchObject(refusal);
        await expect(graph.search('acme', { q: 'a', limit, cursor })).rejects.toMatchObject(
          refusal,
        );
        await expect(
          graph.neighbours('acme', 'ann', { direction: 'out', limit, cursor }),
        ).rejects.toMatchObject(refusal);
      });
    });
  });
}
