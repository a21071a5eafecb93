/** POST /query with a session: what its followers are told, on a true feed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryBroadcast } from '#adapters/memory';
import {
  type ContextAnswer,
  type FeedMessage,
  isQueryResult,
  type QueryResult,
  type Retrieval,
} from '#projections';
import { RuntimeError } from '#runtime';
import { followByEvents } from '#test/feed-client';
import { graphPlace } from '#test/graph-place';
import { contextOf, hitOf, retrievalOf, SpokenChat } from '#test/retrieval-parts';
import { partOf, type Served, type Shell, serveNode, serveShell } from '#test/served';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';

const found = contextOf(hitOf('a'), hitOf('b'));
const topic = 'query-results';

/** A server whose results a test hears as they are broadcast. */
async function sessionsOf(
  retrieval: Retrieval,
  parts: { chat?: SpokenChat; limits?: Parameters<typeof serveShell>[0] } = {},
): Promise<Shell & { readonly results: QueryResult[]; readonly telemetry: Recorder }> {
  const shell = await serveShell(parts.limits);
  const telemetry = new Recorder();
  const broadcast = new MemoryBroadcast({ telemetry });
  const results: QueryResult[] = [];
  broadcast.subscribe(
    { tenantId: 'acme', topic },
    { message: (text) => results.push(JSON.parse(text)), missed: () => undefined },
  );
  const { chat = null } = parts;
  const backend = { ...graphPlace(), retrieval, chat, index: null, broadcast, telemetry };
  shell.server.gate.open(partOf({ ...backend, queryResultTopic: topic }));
  return { ...shell, results, telemetry };
}

const body = { q: 'why?', sessionId: 's', queryId: 'q-1' };

describe('a query of a session', () => {
  let served: Served;
  beforeAll(async () => {
    served = await serveNode();
  });
  // The node ends its followers. Where one leaves, `fetch` connects anew, which a closing
  // server waits for.
  afterAll(() => served.close());

  it('is told to those who follow with its session, in its tenant', async () => {
    const [own, other, stranger] = [
      await followByEvents(served.url, 'tenant=acme&session=s'),
      await followByEvents(served.url, 'tenant=acme&session=t'),
      await followByEvents(served.url, 'tenant=umbrella&session=s'),
    ];
    const results = (messages: readonly FeedMessage[]) => messages.filter(isQueryResult);
    const answer = await served.ask('/query', { body, tenant: 'acme' });
    expect(answer).toMatchObject({ status: 202, body: { queryId: 'q-1' } });
    await until('it is heard', () => results(own.messages).length > 0);
    expect(results(own.messages)).toMatchObject([{ sessionId: 's', payload: { queryId: 'q-1' } }]);
    const named = await served.ask('/query', { body: { q: 'x', sessionId: 't' }, tenant: 'acme' });
    await until('the other is heard', () => results(other.messages).length > 0);
    expect(results(other.messages)).toMatchObject([{ payload: { queryId: named.body.queryId } }]);
    expect(results(own.messages)).toHaveLength(1);
    expect(results(stranger.messages)).toEqual([]);
  });
});

describe('its result', () => {
  /** The one result of one query. */
  async function resultOf(...asked: Parameters<typeof sessionsOf>): Promise<QueryResult> {
    const { ask, results, server } = await sessionsOf(...asked);
    const answer = asked[1]?.chat === undefined ? body : { ...body, answer: true };
    expect(await ask('/query', { body: answer, tenant: 'acme' })).toMatchObject({ status: 202 });
    await until('it is told', () => results.length > 0);
    await server.close();
    expect(results).toHaveLength(1);
    expect(results.every(isQueryResult)).toBe(true);
    return results[0]!;
  }

  it('has what was found, without what may be long', async () => {
    const { payload, ...result } = await resultOf(retrievalOf(found));
    expect(result).toMatchObject({ messageType: 'QUERY_RESULT', sessionId: 's' });
    expect(payload).toMatchObject({
      queryId: 'q-1',
      results: [
        { entityId: 'a', entityType: 'ISSUE', title: 'a', passages: [{ chunkId: 'a#0' }] },
        { entityId: 'b' },
      ],
      metadata: { resultCount: 2, confidence: 1 },
    });
    expect(payload.metadata.processingTime).toBeGreaterThanOrEqual(0);
    expect(JSON.stringify(payload)).not.toContain('properties');
  });

  it.each<[number, ContextAnswer['hits']]>([
    [0, []],
    [0, [hitOf('a', { explained: { graph: { from: 'b', relationship: 'RELATED_TO' } } })]],
    [0.5, [hitOf('a', { explained: { words: { rank: 1, score: 9 } } })]],
    [0.25, [hitOf('a', { explained: { vectors: { rank: 2, similarity: 0.9 } } })]],
    [1, [hitOf('a'), hitOf('b', { explained: {} })]],
  ])('has the confidence %d', async (confidence, hits) => {
    const { payload } = await resultOf(retrievalOf(contextOf(...hits)));
    expect(payload.metadata).toMatchObject({ confidence, resultCount: hits.length });
  });

  it('has the answer with its citations, where it is asked for', async () => {
    const chat = new SpokenChat(['a ', '[1]']);
    const { payload } = await resultOf(retrievalOf(found), { chat });
    expect(payload).toMatchObject({ answer: { text: 'a [1]', model: 'spoken' } });
    expect(payload.citations).toEqual(found.citations);
  });

  it('has what was found and the error, where the model fails', async () => {
    const chat = new SpokenChat(['a '], new RuntimeError('CHAT_UNAVAILABLE', 'a secret'));
    const { payload } = await resultOf(retrievalOf(found), { chat });
    expect(payload).toMatchObject({
      metadata: { resultCount: 2 },
      error: { code: 'CHAT_UNAVAILABLE' },
    });
    expect(JSON.stringify(payload)).not.toContain('secret');
    expect(payload.answer).toBeUndefined();
  });

  it('is nothing and the error, where that fails', async () => {
    const query = async () => {
      throw new RuntimeError('READ_STORE_UNAVAILABLE', 'it is away');
    };
    const { payload } = await resultOf(retrievalOf(found, { query }));
    expect(payload).toMatchObject({
      results: [],
      metadata: { resultCount: 0, confidence: 0 },
      error: { code: 'READ_STORE_UNAVAILABLE' },
    });
  });

  it('is the error where it is larger than a message may be', async () => {
    const limits = { broadcastCharsMax: 1_000 };
    const many = contextOf(...Array.from({ length: 50 }, (_, n) => hitOf(`hit-${n}`)));
    const { payload } = await resultOf(retrievalOf(many), { limits });
    expect(payload).toMatchObject({ results: [], error: { code: 'QUERY_TOO_LARGE' } });
  });
});

describe('queries under way', () => {
  it('are bounded; there is room again when one is told', async () => {
    const gate = Promise.withResolvers<ContextAnswer>();
    const limits = { sessionQueriesMax: 2 };
    const retrieval = retrievalOf(found, { query: () => gate.promise });
    const { ask, results, server } = await sessionsOf(retrieval, { limits });
    const asking = () => ask('/query', { body, tenant: 'acme' });
    expect([(await asking()).status, (await asking()).status]).toEqual([202, 202]);
    const refused = await asking();
    expect(refused).toMatchObject({ status: 503, body: { code: 'BUS_SATURATED' } });
    gate.resolve(found);
    await until('both are told', () => results.length === 2);
    expect((await asking()).status).toBe(202);
    await server.close();
    expect(results).toHaveLength(3);
  });

  it('are told before a server has closed', async () => {
    const gate = Promise.withResolvers<ContextAnswer>();
    const query = () => gate.promise;
    const { ask, results, server } = await sessionsOf(retrievalOf(found, { query }));
    await ask('/query', { body, tenant: 'acme' });
    const closed = server.close();
    gate.resolve(found);
    await closed;
    expect(results).toMatchObject([{ payload: { metadata: { resultCount: 2 } } }]);
  });

  it('are ended, and that is told, where they take longer than a closing server waits', async () => {
    const chat = new SpokenChat(['a '], 'wait');
    const limits = { httpCloseMs: 50 };
    const { ask, results, server } = await sessionsOf(retrievalOf(found), { chat, limits });
    await ask('/query', { body: { ...body, answer: true }, tenant: 'acme' });
    await until('it is asked', () => chat.spoken === 1);
    await server.close();
    expect(results).toMatchObject([{ payload: { error: { code: 'SHUTTING_DOWN' } } }]);
    expect(chat.over).toBe(1);
  });
});
