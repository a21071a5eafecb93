/** ?atLeast= and the positions that answers tell. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { IndexPlace } from '#adapters/http';
import { MemoryLog } from '#adapters/memory';
import type { CachedReads } from '#projections';
import { Progress, RuntimeError } from '#runtime';
import { graphPlace } from '#test/graph-place';
import { createEntity, updateEntity } from '#test/messages';
import { contextOf, retrievalOf } from '#test/retrieval-parts';
import { partOf, type Served, type Shell, serveNode, serveShell } from '#test/served';
import { until } from '#test/until';

describe('a true node', () => {
  let served: Served;
  beforeAll(async () => {
    served = await serveNode();
  });
  afterAll(() => served.close());

  it('shows a write to who reads it at once with its position', async () => {
    for (let n = 1; n <= 40; n++) {
      const body = n === 1 ? createEntity({ id: 'a' }) : updateEntity({ id: 'a', at: n });
      Object.assign(body.payload, { properties: { n } });
      const written = await served.ask('/commands', { body });
      const position = written.headers.get('x-log-position');
      expect(Number(position)).toBeGreaterThanOrEqual(n);
      for (const path of ['/entities/a', '/entities/a/neighbours', '/entities']) {
        const read = await served.ask(`${path}?atLeast=${position}`, { tenant: 'acme' });
        expect(read).toMatchObject({ status: 200 });
        expect(Number(read.headers.get('x-graph-position'))).toBeGreaterThanOrEqual(
          Number(position),
        );
        if (path === '/entities/a') expect(read.body.properties).toEqual({ n });
      }
    }
  });

  it.each(['words', 'vectors', 'hybrid'])('finds what was just written: %s', async (mode) => {
    for (let n = 1; n <= 5; n++) {
      const title = `Ferry ${mode} ${n}`;
      const properties = { title };
      const written = await served.ask('/commands', {
        body: createEntity({ id: `${mode}-${n}`, properties }),
      });
      const position = Number(written.headers.get('x-log-position'));
      const found = await served.ask(`/search?atLeast=${position}`, {
        body: { q: title, mode, limit: 1 },
        tenant: 'acme',
      });
      expect(found).toMatchObject({ status: 200, body: { hits: [{ entity: { properties } }] } });
      const { graph, index } = found.body.positions;
      expect(graph).toBeGreaterThanOrEqual(position);
      if (mode !== 'words') expect(index).toBeGreaterThanOrEqual(position);
    }
  });

  it('tells the position of a webhook that led to a write, and none of one that did not', async () => {
    const issue = { id: '1', self: 'https://acme.atlassian.net/rest/api/2/issue/1', key: 'A-1' };
    const body = {
      timestamp: 1,
      webhookEvent: 'jira:issue_deleted',
      issue: { ...issue, fields: {} },
    };
    const before = await served.node.log.head();
    const told = await served.ask('/webhooks/jira', { body });
    expect(told).toMatchObject({ status: 202, body: { messages: 1 } });
    expect(Number(told.headers.get('x-log-position'))).toBeGreaterThan(before);
    const unused = await served.ask('/webhooks/jira', { body: { webhookEvent: 'board_created' } });
    expect(unused).toMatchObject({ status: 202, body: { messages: 0 } });
    expect(unused.headers.get('x-log-position')).toBe(null);
  });

  it.each(['-1', 'x', '1.5', '', '99999999', '9007199254740993'])(
    'refuses atLeast=%s at once',
    async (atLeast) => {
      const answer = await served.ask(`/entities?atLeast=${atLeast}`);
      expect(answer).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID' } });
    },
  );
});

describe('rows that stay behind', () => {
  const open: Shell[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map(({ server }) => server.close()));
  });

  /** The log ends at 5, and the graph is at 3; the index is at 2, or there is none. */
  async function behind(parts: { atLeastWaitMs?: number; hasIndex?: boolean } = {}) {
    const { atLeastWaitMs = 60_000, hasIndex = true } = parts;
    const shell = await serveShell({ atLeastWaitMs });
    open.push(shell);
    const log = new MemoryLog();
    await log.append(
      'entity-acme/a',
      Array.from({ length: 5 }, (_, n) => ({
        id: `e-${n}`,
        type: 'EntityUpdated',
        schemaVersion: 1,
        data: {},
        metadata: { messageId: `m-${n}`, recordedAt: '2026-11-24T12:00:00.000Z' },
      })),
      'any',
    );
    const { progress, runtime } = graphPlace(3);
    const indexed = new Progress();
    indexed.advance(2);
    const index: IndexPlace = {
      position: async () => indexed.position,
      reached: (position, signal) => indexed.reached(position, signal),
    };
    const cached = { entity: async () => ({ id: 'a' }) } as unknown as CachedReads;
    const retrieval = retrievalOf(contextOf());
    const parts_ = { log, runtime, cached, retrieval, chat: null, index: hasIndex ? index : null };
    shell.server.gate.open(partOf(parts_));
    return { ...shell, progress, indexed };
  }

  it.each([
    ['/entities/a?atLeast=4', undefined],
    ['/search?atLeast=3', { q: 'x' }],
    ['/query?atLeast=3', { q: 'x' }],
  ])('are POSITION_NOT_REACHED after a while, with where they are: %s', async (path, body) => {
    const { ask } = await behind({ atLeastWaitMs: 20 });
    const answer = await ask(path, { body });
    const atLeast = Number(path.slice(-1));
    expect(answer).toMatchObject({
      status: 503,
      body: { code: 'POSITION_NOT_REACHED', data: { atLeast, graph: 3, index: 2 } },
    });
    expect(answer.headers.get('retry-after')).toBe('2');
    expect(answer.headers.get('x-graph-position')).toBe('3');
  });

  it('are waited for: the graph alone, or the index, too', async () => {
    const { ask, progress, indexed } = await behind();
    const entity = ask('/entities/a?atLeast=4');
    const words = ask('/search?atLeast=4', { body: { q: 'x', mode: 'words' } });
    const hybrid = ask('/search?atLeast=4', { body: { q: 'x' } });
    await until('all wait for the graph', () => progress.waiting === 3);
    progress.advance(4);
    expect(await entity).toMatchObject({ status: 200, body: { id: 'a' } });
    expect((await entity).headers.get('x-graph-position')).toBe('4');
    expect(await words).toMatchObject({ status: 200 });
    await until('one waits for the index', () => indexed.waiting === 1);
    indexed.advance(4);
    expect(await hybrid).toMatchObject({ status: 200 });
  });

  it('need no index where there is none', async () => {
    const { ask } = await behind({ hasIndex: false });
    expect(await ask('/search?atLeast=3', { body: { q: 'x' } })).toMatchObject({ status: 200 });
  });

  it('are not waited for by who has left', async () => {
    const { url, lines, progress } = await behind();
    const abort = new AbortController();
    const asking = fetch(`${url}/entities/a?atLeast=5`, { signal: abort.signal });
    await until('it waits', () => progress.waiting === 1);
    abort.abort();
    await expect(asking).rejects.toThrow();
    await until('nobody waits any more', () => progress.waiting === 0);
    await until('the log has it', () => lines.some((line) => line.includes('the client has gone')));
    expect(lines.filter((line) => line.includes('"level":50'))).toEqual([]);
  });

  it('that nobody can tell of are the error of who can not', async () => {
    const { ask, server } = await serveShell();
    open.push({ server } as Shell);
    const log = new MemoryLog();
    log.head = async () => {
      throw new RuntimeError('LOG_UNAVAILABLE', 'it is away');
    };
    server.gate.open(partOf({ ...graphPlace(), log }));
    expect(await ask('/entities/a?atLeast=4')).toMatchObject({ body: { code: 'LOG_UNAVAILABLE' } });
  });
});
