/**
 * QUERY_RESULT: what a query of a session has found, as it is told.
 *
 * `results` are the hits without their properties, which may be long; `processingTime` is in milliseconds.
 * `confidence` is the mean of the reciprocal ranks that the best hit has by words and by meaning: 1 where it
 * is first by both, 0.5 where only one of the two finds it and finds it first, 0 where nothing was found.
 * It compares with other queries, and with other models.
 */
import type { ContextAnswer, Hit, QueryResult } from '#projections';
import { errorCatalogue, RuntimeError, toRuntimeError } from '#runtime';

type Payload = QueryResult['payload'];

/** What there is to tell beside when and to whom. */
export type Found = Omit<Payload, 'queryId' | 'metadata'> & { readonly confidence: number };

export function foundIn({ hits }: ContextAnswer): Found {
  return { results: hits.map(resultOf), confidence: confidenceIn(hits) };
}

/** Nothing was found, since something failed. */
export function failure(thrown: unknown): Found {
  return { results: [], confidence: 0, error: errorIn(thrown) };
}

/** An error as a session is told of it. */
export function errorIn(thrown: unknown): NonNullable<Payload['error']> {
  const { code } = toRuntimeError(thrown);
  return { code, hint: errorCatalogue[code].hint };
}

/** The JSON of a result of at most so many characters; longer ones are the failure to send them. */
export function resultText(
  { queryId, sessionId }: { readonly queryId: string; readonly sessionId: string },
  { confidence, ...found }: Found,
  at: { readonly startMs: number; readonly endMs: number },
  charsMax: number,
): string {
  const { results } = found;
  const processingTime = at.endMs - at.startMs;
  const text = JSON.stringify({
    messageType: 'QUERY_RESULT',
    sessionId,
    timestamp: new Date(at.endMs).toISOString(),
    payload: {
      queryId,
      metadata: { processingTime, resultCount: results.length, confidence },
      ...found,
    },
  } satisfies QueryResult);
  if (text.length <= charsMax || results.length === 0) return text;
  const tooLarge = new RuntimeError('QUERY_TOO_LARGE', `the result has ${text.length} characters`);
  return resultText({ queryId, sessionId }, failure(tooLarge), at, charsMax);
}

function resultOf({ entity, ...hit }: Hit) {
  return { entityId: entity.id, entityType: entity.type, ...hit };
}

function confidenceIn([best]: readonly Hit[]): number {
  const { words, vectors } = best?.explained ?? {};
  const reciprocal = (ranked?: { readonly rank: number }) => (ranked ? 1 / ranked.rank : 0);
  return (reciprocal(words) + reciprocal(vectors)) / 2;
}
