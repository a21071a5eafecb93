/** `search` and `query` as their user sees them, against a server that has found what a test says. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CachedReads, Retrieval } from '#projections';
import { RuntimeError } from '#runtime';
import { graphPlace } from '#test/graph-place';
import { cli } from '#test/process';
import { contextOf, hitOf, retrievalOf, SpokenChat } from '#test/retrieval-parts';
import { partOf, type Shell, serveShell } from '#test/served';

const clear = String.fromCharCode(27, 91, 50, 74);
const hit = hitOf('issue-1', {
  title: `Refund ${clear}the ferry`,
  passages: [
    { chunkId: 'c#0', entityId: 'comment-1', snippet: 'the **refund**\nwas late', position: 1 },
    { chunkId: 'issue-1#0', entityId: 'issue-1', snippet: 'a **refund**', position: 1 },
    { chunkId: 'issue-1#1', entityId: 'issue-1', snippet: 'never shown', position: 1 },
  ],
});
const linked = hitOf('person-1', {
  url: null,
  passages: [],
  explained: { graph: { from: 'issue-1', relationship: 'ASSIGNED_TO' } },
});
const found = { ...contextOf(hit, linked), context: `[1] Refund\n[2] ${clear}Ada` };

let shell: Shell;
const heard: unknown[] = [];
const backend = { ...graphPlace(), index: null, chat: new SpokenChat(['It was late [1].']) };
beforeAll(async () => {
  shell = await serveShell();
  const hear = async (...[tenantId, request]: Parameters<Retrieval['query']>) => {
    heard.push({ tenantId, ...request });
    if (request.q === 'nothing') return { ...contextOf(), vectors: 'unavailable' } as const;
    return found;
  };
  const entity = async (_tenantId: string, id: string) => {
    if (id === 'issue-1') return hit.entity;
    throw new RuntimeError('NOT_FOUND', `no entity '${id}'`);
  };
  const cached = { entity } as unknown as CachedReads;
  const graph = { search: async () => ({ items: [], next: null }) };
  const retrieval = retrievalOf(found, { search: hear, query: hear });
  shell.server.gate.open(partOf({ ...backend, cached, retrieval, graph: graph as never }));
});
afterAll(() => shell.server.close());

const cognisync = (...args: string[]) => cli([...args, '--url', shell.url]);

it('search shows hits with what they say and why they are there', async () => {
  const { code, stdout } = await cognisync('search', 'refund', 'the', 'ferry');
  expect(heard.splice(0)).toEqual([{ tenantId: 'default', q: 'refund the ferry' }]);
  expect(stdout).toBe(
    [
      '1. ISSUE Refund  [2Jthe ferry',
      '   comment: the **refund** was late',
      '   a **refund**',
      '   https://acme.example/issue-1',
      '   issue-1  (words 1, meaning 1 at 0.90)',
      '',
      '2. ISSUE person-1',
      '   person-1  (ASSIGNED_TO of issue-1)',
      '',
      'Graph at 1, index at 1.\n',
    ].join('\n'),
  );
  expect(code).toBe(0);
});

it('search asks as it was asked', async () => {
  const flags = '--type ISSUE --type PERSON --near issue-1 --distance 2 --mode words --limit 3';
  await cognisync('search', 'ferry', ...flags.split(' '), '--tenant', 'acme');
  expect(heard.splice(0)).toEqual([
    {
      tenantId: 'acme',
      q: 'ferry',
      types: ['ISSUE', 'PERSON'],
      near: { ids: ['issue-1'], distance: 2 },
      mode: 'words',
      limit: 3,
    },
  ]);
});

it('search says when nothing fits, and when it was not searched by meaning', async () => {
  const { code, stdout } = await cognisync('search', 'nothing');
  expect(stdout).toMatch(
    /^Nothing fits\.\n\nGraph at 1, index at 1\. By words alone: the embedding/,
  );
  expect(code).toBe(0);
});

it('query shows the context, or the answer with the sources that it cites', async () => {
  const context = await cognisync('query', 'why?');
  expect(context.stdout).toBe('[1] Refund\n[2]  [2JAda\n\nGraph at 1, index at 1.\n');
  const answer = await cognisync('query', 'why?', '--answer');
  expect(answer.stdout).toBe(
    'It was late [1].\n\n[1] Refund  [2Jthe ferry  https://acme.example/issue-1\n\n' +
      'Graph at 1, index at 1.\n',
  );
});

it.each(['search', 'query'])('%s --json is what the node answers', async (command) => {
  const { stdout } = await cognisync(command, 'x', '--json');
  expect(JSON.parse(stdout)).toEqual(found);
});

it.each([
  [['search', 'x', '--near', 'nobody'], "NOT_FOUND: no entity 'nobody'"],
  [['search', 'x', '--mode', 'magic'], 'REQUEST_INVALID'],
  [['query', 'x', '--limit', '1000'], 'REQUEST_INVALID'],
  [['search'], 'missing required argument'],
])('%j fails and says why', async (args, said) => {
  const { code, stderr } = await cognisync(...args);
  expect(stderr).toContain(said);
  expect(code).toBe(1);
});
