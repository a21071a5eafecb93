/** What may be asked of the retrieval is the same at each of its doors, and in the retrieval itself. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type QueryRequest, type Retrieval, retrievalModes } from '#projections';
import { limits, toRuntimeError } from '#runtime';
import { graphPlace } from '#test/graph-place';
import { type McpClient, overHttp } from '#test/mcp-client';
import { contextOf, hitOf, retrievalOf } from '#test/retrieval-parts';
import { partOf, type Shell, serveShell } from '#test/served';
import { wantedOf } from '../../projections/retrieval/request.ts';

let shell: Shell;
let mcp: McpClient;
const heard: QueryRequest[] = [];

beforeAll(async () => {
  const found = contextOf(hitOf('a'));
  const hear = async (...[, request]: Parameters<Retrieval['query']>) => {
    heard.push(request);
    return found;
  };
  shell = await serveShell();
  const retrieval = retrievalOf(found, { search: hear, query: hear });
  shell.server.gate.open(partOf({ ...graphPlace(1), index: null, retrieval }));
  mcp = await overHttp(shell.url);
});
afterAll(async () => {
  await mcp.client.close();
  await shell.server.close();
});

/** By each door: what reaches the retrieval, or the code of the refusal. */
async function verdicts(name: 'search' | 'query', asked: object): Promise<readonly unknown[]> {
  heard.length = 0;
  const { status, body } = await shell.ask(`/${name}`, { body: asked });
  const byHttp = status === 200 ? heard.pop() : body.code;
  const { isError, structured } = await mcp.call(name, asked as Record<string, unknown>);
  const byMcp = isError ? structured.code : heard.pop();
  expect(heard).toEqual([]);
  return [byHttp, byMcp, verdictOf(asked)];
}

function verdictOf(asked: object): unknown {
  try {
    wantedOf(asked as QueryRequest);
    return asked;
  } catch (thrown) {
    return toRuntimeError(thrown).code;
  }
}

const q = 'why?';
const many = (count: number) => Array.from({ length: count }, (_, at) => `e-${at}`);
const named = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 'x']));
const near = (ids: readonly string[], distance = 1) => ({ q, near: { ids, distance } });
/** An instant with so many digits that it is as long as this. */
const instant = (chars: number) => `${'2026-01-01T00:00:00.'.padEnd(chars - 1, '0')}Z`;

/** The most that may be asked, and what is more than that. */
const bounds: readonly (readonly [name: string, most: object, more: object])[] = [
  [
    'characters of a question',
    { q: 'x'.repeat(limits.searchQueryCharsMax) },
    { q: 'x'.repeat(limits.searchQueryCharsMax + 1) },
  ],
  [
    'characters beyond the basic plane',
    { q: '💡'.repeat(limits.searchQueryCharsMax) },
    { q: '💡'.repeat(limits.searchQueryCharsMax + 1) },
  ],
  ['no question', { q: 'x' }, { q: '' }],
  ['hits', { q, limit: limits.hitsMax }, { q, limit: limits.hitsMax + 1 }],
  ['no hits', { q, limit: 1 }, { q, limit: 0 }],
  ['part of a hit', { q, limit: 2 }, { q, limit: 2.5 }],
  ['types', { q, types: ['ISSUE', 'PERSON', 'PROJECT', 'DOCUMENT'] }, { q, types: [] }],
  ['another type', { q, types: ['ISSUE'] }, { q, types: ['TEAM'] }],
  ['another source', { q, system: 'confluence' }, { q, system: 'wiki' }],
  [
    'properties',
    { q, properties: named(many(limits.filterValuesMax)) },
    { q, properties: named(many(limits.filterValuesMax + 1)) },
  ],
  [
    "a property's name",
    { q, properties: { ['n'.repeat(256)]: 'x' } },
    { q, properties: { ['n'.repeat(257)]: 'x' } },
  ],
  ['no name of a property', { q, properties: { n: 'x' } }, { q, properties: { '': 'x' } }],
  [
    "a property's value",
    { q, properties: { a: 'x'.repeat(1_000) } },
    { q, properties: { a: 'x'.repeat(1_001) } },
  ],
  ['a date', { q, updatedAfter: instant(40) }, { q, updatedAfter: instant(41) }],
  ['the other date', { q, updatedBefore: instant(40) }, { q, updatedBefore: instant(41) }],
  ['ids', near(many(limits.filterValuesMax)), near(many(limits.filterValuesMax + 1))],
  ['no ids', near(['a']), near([])],
  [
    'an id',
    near(['x'.repeat(limits.idCharsMax)]),
    near(['x'.repeat(limits.idCharsMax), 'x'.repeat(limits.idCharsMax + 1)]),
  ],
  ['an empty id', near(['a']), near([''])],
  ['steps', near(['a'], limits.nearDistanceMax), near(['a'], limits.nearDistanceMax + 1)],
  ['something unknown', { q }, { q, top_k: 3 }],
];

describe.each(['search', 'query'] as const)('%s', (name) => {
  it.each(bounds)('has the same bound over HTTP, MCP and in code: %s', async (_, most, more) => {
    expect(await verdicts(name, most)).toEqual([most, most, most]);
    expect(await verdicts(name, more)).toEqual(Array(3).fill('REQUEST_INVALID'));
  });

  it('takes every mode by every door, and no other', async () => {
    for (const mode of retrievalModes) {
      expect(await verdicts(name, { q, mode })).toEqual(Array(3).fill({ q, mode }));
    }
    expect(await verdicts(name, { q, mode: 'fuzzy' })).toEqual(Array(3).fill('REQUEST_INVALID'));
  });
});

describe('query', () => {
  it('walks as far over HTTP as over MCP', async () => {
    const most = { q, hops: limits.hopsMax };
    expect(await verdicts('query', most)).toEqual([most, most, most]);
    const more = { q, hops: limits.hopsMax + 1 };
    expect(await verdicts('query', more)).toEqual(Array(3).fill('REQUEST_INVALID'));
  });

  it('makes a context as long as one may be, over MCP one that leaves room in its answer', async () => {
    const most = { q, contextCharsMax: limits.contextCharsMax };
    expect(await verdicts('query', most)).toEqual([most, 'REQUEST_INVALID', most]);
    const room = { q, contextCharsMax: limits.mcpAnswerCharsMax / 3 };
    expect(await verdicts('query', room)).toEqual([room, room, room]);
    const none = { q, contextCharsMax: 0 };
    expect(await verdicts('query', none)).toEqual(Array(3).fill('REQUEST_INVALID'));
  });
});
