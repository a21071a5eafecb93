/**
 * The graph, the naive way: one event at a time, written down from what the events mean. What the
 * projection, its folds and its SQL are held to.
 */
import fc from 'fast-check';
import type { EntityHead, Properties, RelationshipHead } from '#actors';
import type { EdgeRow, NodeRow } from '#projections';
import { addressOf, type RecordedEvent } from '#runtime';
import * as build from './events.ts';

export interface GraphRows {
  readonly nodes: readonly NodeRow[];
  /** Those whose ends exist. */
  readonly edges: readonly EdgeRow[];
}

/** The data of any event of entities and relationships, as far as the graph cares. */
interface AnyData {
  readonly head?: unknown;
  readonly properties?: Properties;
  readonly changed?: Properties;
  readonly removed?: readonly string[];
}

export function graphAfter(events: readonly RecordedEvent[]): GraphRows {
  const nodes = new Map<string, NodeRow>();
  const edges = new Map<string, EdgeRow>();
  for (const event of events) {
    const { tenantId, id } = addressOf(event.stream);
    const key = `${tenantId} ${id}`;
    const { revision, position, metadata } = event;
    const { recordedAt } = metadata;
    const { head, properties = {}, changed = {}, removed = [] } = event.data as AnyData;
    const node = nodes.get(key);
    const edge = edges.get(key);
    const now = { revision, position };
    switch (event.type) {
      case 'EntityCreated':
        nodes.set(key, {
          ...{ tenantId, id, properties, ...now },
          ...nodeHead(head as EntityHead),
          createdAt: recordedAt,
          updatedAt: recordedAt,
        });
        break;
      case 'EntityUpdated':
      case 'DeletionSuperseded':
        if (node === undefined) break;
        nodes.set(key, {
          ...node,
          ...(head === undefined ? {} : nodeHead(head as EntityHead)),
          properties: without({ ...node.properties, ...changed }, removed),
          ...now,
          updatedAt: recordedAt,
        });
        break;
      case 'EntityDeleted':
        nodes.delete(key);
        break;
      case 'RelationshipActivated': {
        const { sourceEntityId: sourceId, targetEntityId: targetId } = head as RelationshipHead;
        edges.set(key, {
          ...{ tenantId, id, properties, sourceId, targetId, ...now, since: position },
          ...edgeHead(head as RelationshipHead),
        });
        break;
      }
      case 'RelationshipUpdated':
      case 'UnlinkSuperseded':
        if (edge === undefined) break;
        edges.set(key, {
          ...edge,
          ...(head === undefined ? {} : edgeHead(head as RelationshipHead)),
          properties: without({ ...edge.properties, ...changed }, removed),
          ...now,
        });
        break;
      case 'RelationshipSuspended':
      case 'RelationshipRemoved':
        edges.delete(key);
        break;
    }
  }
  const exists = (tenantId: string, id: string) => nodes.has(`${tenantId} ${id}`);
  const shown = [...edges.values()].filter(
    ({ tenantId, sourceId, targetId }) => exists(tenantId, sourceId) && exists(tenantId, targetId),
  );
  return sorted({ nodes: [...nodes.values()], edges: shown });
}

/** Rows in one order, to compare. */
export function sorted({ nodes, edges }: GraphRows): GraphRows {
  const byKey = (a: NodeRow | EdgeRow, b: NodeRow | EdgeRow) =>
    `${a.tenantId} ${a.id}` < `${b.tenantId} ${b.id}` ? -1 : 1;
  return { nodes: [...nodes].sort(byKey), edges: [...edges].sort(byKey) };
}

function nodeHead({ entityType, source, metadata }: EntityHead) {
  return { type: entityType, source, ...metadata };
}

function edgeHead({ relationshipType, metadata }: RelationshipHead) {
  return { type: relationshipType, ...metadata };
}

function without(properties: Properties, names: readonly string[]): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !names.includes(name)));
}

const tenantId = fc.constantFrom('acme', 'Zeta');
const entityId = fc.constantFrom('a', 'B', 'ä', '😀');
const linkId = fc.constantFrom('l', 'L2', 'é');
const name = fc.constantFrom('title', 'text', 'key', 'n', '__proto__', 'ü"\\');
const text = fc.oneof(
  fc.constantFrom('', 'plain words', '_', 'it\'s \\ "so"'),
  fc.string({ unit: 'grapheme' }),
);
const json = fc.oneof(
  { weight: 4, arbitrary: text.filter((value) => !value.includes('\0')) },
  fc.constantFrom(null, true, 0.1, -0, 1e21, 2 ** 60, [], { b: [1, { a: null }] }),
);
const properties = fc
  .array(fc.tuple(name, json), { maxLength: 4 })
  .map((entries) => Object.fromEntries(entries));
const removed = fc.subarray(['title', 'text', 'n', '__proto__', 'other'], { minLength: 2 });
const isHead = fc.boolean();
const strength = fc.constantFrom(0, 0.1, 1 / 3, 1);

const entityParts = fc.record({
  tenantId,
  id: entityId,
  properties,
  isHead,
  type: fc.constantFrom('ISSUE' as const, 'DOCUMENT' as const),
});
const linkParts = fc.record({
  tenantId,
  id: linkId,
  from: entityId,
  to: entityId,
  properties,
  isHead,
  strength,
  type: fc.constantFrom('RELATED_TO' as const, 'DEPENDS_ON' as const),
});

/** Any fact about few entities and links of two tenants, in no sensible order. */
export const anyFact: fc.Arbitrary<build.Fact> = fc.oneof(
  { weight: 4, arbitrary: entityParts.map(build.entityCreated) },
  { weight: 3, arbitrary: entityParts.map(build.entityUpdated) },
  { weight: 2, arbitrary: entityParts.map(build.entityDeleted) },
  {
    weight: 3,
    arbitrary: fc.record({ tenantId, id: entityId, removed }).map(build.deletionSuperseded),
  },
  { weight: 2, arbitrary: linkParts.map(build.linkProposed) },
  { weight: 4, arbitrary: linkParts.map(build.linkActivated) },
  { weight: 3, arbitrary: linkParts.map(build.linkUpdated) },
  { weight: 1, arbitrary: linkParts.map(build.linkSuspended) },
  { weight: 1, arbitrary: linkParts.map((parts) => build.linkRemoved(parts)) },
  {
    weight: 3,
    arbitrary: fc.record({ tenantId, id: linkId, removed }).map(build.unlinkSuperseded),
  },
);

/** A history of any facts, as it comes out of a log: through JSON. */
export const anyHistory: fc.Arbitrary<readonly RecordedEvent[]> = fc
  .array(anyFact, { minLength: 1, maxLength: 40 })
  .map((facts) => JSON.parse(JSON.stringify(build.recorded(facts))));
