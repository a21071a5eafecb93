/**
 * Plays messages to the true actors, without a runtime: what is left is the graph that they make. An
 * edge shows where its relationship is linked and both its ends are active.
 */
import {
  type ActorMessage,
  absentEntity,
  absentRelationship,
  type EntityMessage,
  type EntityState,
  entity,
  entityPhase,
  type RelationshipMessage,
  type RelationshipState,
  relationship,
} from '#actors';

export interface Played {
  /** Active entities: their properties by id. */
  readonly nodes: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** `source TYPE target`, with what stands in its properties: `role subtype`. */
  readonly edges: readonly string[];
  /** How many events all of it came to. */
  readonly events: number;
}

export function play(messages: readonly ActorMessage[]): Played {
  const entities = new Map<string, EntityState>();
  const links = new Map<string, RelationshipState>();
  let events = 0;
  for (const message of messages) {
    if ('relationshipId' in message.payload) {
      const id = message.payload.relationshipId;
      const before = links.get(id) ?? absentRelationship;
      const decided = relationship.decide(before, message as RelationshipMessage);
      links.set(
        id,
        decided.reduce((state, event) => relationship.evolve(state, fact(event, message)), before),
      );
      events += decided.length;
    } else {
      const id = message.payload.entityId;
      const before = entities.get(id) ?? absentEntity;
      const decided = entity.decide(before, message as EntityMessage);
      entities.set(
        id,
        decided.reduce((state, event) => entity.evolve(state, fact(event, message)), before),
      );
      events += decided.length;
    }
  }
  const nodes = new Map<string, Record<string, unknown>>();
  for (const [id, state] of [...entities].sort(byName)) {
    if (entityPhase(state) === 'active') nodes.set(id, valuesOf(state.properties));
  }
  const edges = [...links.values()].flatMap((state) => edgeOf(state, nodes)).sort();
  return { nodes, edges, events };
}

function fact<Event extends object>(event: Event, { messageId }: ActorMessage) {
  return { ...event, metadata: { messageId } };
}

function edgeOf(state: RelationshipState, nodes: ReadonlyMap<string, unknown>): readonly string[] {
  const head = state.head?.value;
  if (head === undefined) return [];
  const { sourceEntityId: from, targetEntityId: to, relationshipType } = head;
  if (!nodes.has(from) || !nodes.has(to)) return [];
  const { role, subtype } = valuesOf(state.properties);
  const how = subtype === undefined ? String(role) : `${role} ${subtype}`;
  return [`${from} ${relationshipType} ${to} (${how})`];
}

function valuesOf(registers: EntityState['properties']): Record<string, unknown> {
  const names = Object.keys(registers).sort();
  return Object.fromEntries(names.map((name) => [name, registers[name]!.value]));
}

function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}
