/** From a passage back to the event that its text is of, and from there to the delivery. */
import type { EntitySource } from '#actors';
import { type Log, type RecordedEvent, RuntimeError } from '#runtime';
import { assertText } from '../graph/answer.ts';
import type { Provenance } from './answer.ts';
import { urlOf } from './heading.ts';
import type { Scope } from './scope.ts';

interface Stored {
  readonly entityId: string;
  readonly position: number;
  readonly source: EntitySource | null;
}

/** In a snapshot. Throws NOT_FOUND: there is no such passage, not any more, or not in this tenant. */
export async function storedPassage(
  { index, tenantId, tx }: Scope,
  chunkId: string,
): Promise<Stored> {
  assertText('chunkId', chunkId);
  const chunk = (await index?.chunk(tx, tenantId, chunkId)) ?? null;
  if (chunk === null) {
    throw new RuntimeError('NOT_FOUND', `no passage '${chunkId}'`, { data: { chunkId } });
  }
  const { entityId, position } = chunk;
  const [node] = await tx.query<{ source: EntitySource }>(
    'SELECT n.source FROM graph.node n WHERE n.tenant_id = $1 AND n.id = $2',
    [tenantId, entityId],
  );
  return { entityId, position, source: node?.source ?? null };
}

/** Throws CHECKPOINT_AHEAD where the log does not have the event, LOG_UNAVAILABLE. */
export async function provenanceOf(
  log: Log,
  chunkId: string,
  { entityId, position, source }: Stored,
): Promise<Provenance> {
  const [event] = await log.readAll({ after: position - 1, limit: 1 });
  if (event?.position !== position) {
    throw new RuntimeError('CHECKPOINT_AHEAD', `the log has no event at position ${position}`);
  }
  const { id, type, stream, revision, metadata } = event;
  const { recordedAt, messageId, correlationId = null, causationId = null } = metadata;
  return {
    chunkId,
    entityId,
    position,
    event: { id, type, stream, revision, position, recordedAt },
    messageId,
    correlationId,
    causationId,
    webhook: deliveryOf(event),
    source,
    url: source === null ? null : urlOf({ source }),
  };
}

/**
 * What a source told is correlated to the delivery that it came with, whose id begins with the source:
 * `jira:acme.atlassian.net:<id>`; a page that was read over REST to its id and version. Messages of other
 * producers correlate to whatever they like.
 */
function deliveryOf({ metadata }: RecordedEvent): string | null {
  const { correlationId } = metadata;
  return correlationId !== undefined && /^(jira|confluence):/.test(correlationId)
    ? correlationId
    : null;
}
