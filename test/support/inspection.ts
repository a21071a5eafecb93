/**
 * The promises, checked on what a simulated world left behind. Each fault found is one line that names
 * the promise it breaks.
 */
import {
  type ActorMessage,
  addressOfMessage,
  contracts,
  type EntityState,
  entity,
  entityPhase,
  type RelationshipState,
  relationship,
  relationshipPhase,
} from '#actors';
import type { EdgeRow, NodeRow } from '#projections';
import {
  type ActorDefinition,
  addressOf,
  type BusMessage,
  categoryOf,
  type Log,
  type RecordedEvent,
  streamOf,
} from '#runtime';
import { live } from './actor.ts';
import type { World } from './world.ts';

const definitions: Readonly<Record<string, ActorDefinition>> = {
  entity: entity as ActorDefinition,
  relationship: relationship as ActorDefinition,
};

/** Whether a message that was acknowledged left what it must: events, no news, or a dead letter. */
export async function isSettledInLog(log: Log, message: BusMessage): Promise<boolean> {
  const events = await log.readAll({ after: 0, limit: Number.MAX_SAFE_INTEGER });
  const command = commandIn(message.body);
  if (command === null) {
    return events.some(
      ({ type, data }) =>
        type === 'DeadLettered' && (data as { messageId: string }).messageId === message.messageId,
    );
  }
  const stream = streamOf(addressOfMessage(command));
  const own = events.filter((event) => event.stream === stream);
  return definitionOf(stream).decide(stateAfter(stream, own), command).length === 0;
}

/** Every broken promise of a world at rest. */
export async function inspect(world: World): Promise<readonly string[]> {
  const events = await world.log.readAll({ after: 0, limit: Number.MAX_SAFE_INTEGER });
  const streams = Map.groupBy(events, ({ stream }) => stream);
  const actors = [...streams].filter(([stream]) => categoryOf(stream) in definitions);
  return [
    ...world.violations,
    ...orderFaults(events, streams),
    ...actors.flatMap(([stream, own]) => decisionFaults(world, stream, own)),
    ...convergenceFaults(world, streams),
    ...(await deadLetterFaults(world)),
    ...tallyFaults(world, streams),
    ...presenceFaults(actors),
    ...(await graphFaults(world, actors)),
  ];
}

/** Promise 2 and the log's own: positions grow, revisions have no gap, ids are unique. */
function orderFaults(
  events: readonly RecordedEvent[],
  streams: ReadonlyMap<string, readonly RecordedEvent[]>,
): readonly string[] {
  const faults: string[] = [];
  events.forEach((event, at) => {
    if (at > 0 && event.position <= events[at - 1]!.position) faults.push('positions do not grow');
  });
  for (const [stream, own] of streams) {
    own.forEach(({ revision }, at) => {
      if (revision !== at) faults.push(`promise 2: ${stream} has revision ${revision} at ${at}`);
    });
  }
  if (new Set(events.map(({ id }) => id)).size < events.length) {
    faults.push('promise 3: an event id is recorded twice');
  }
  return faults;
}

/** Promises 2 and 3: each message acted once, on the state that all before it had left. */
function decisionFaults(
  world: World,
  stream: string,
  own: readonly RecordedEvent[],
): readonly string[] {
  const definition = definitionOf(stream);
  const faults: string[] = [];
  const acted = new Set<string>();
  let state = definition.initial;
  for (let at = 0; at < own.length; ) {
    const { messageId } = own[at]!.metadata;
    let end = at;
    while (own[end]?.metadata.messageId === messageId) end += 1;
    if (acted.has(messageId)) faults.push(`promise 3: ${messageId} acted twice on ${stream}`);
    acted.add(messageId);
    const body = world.published.get(messageId);
    const command = body === undefined ? null : commandIn(body);
    if (command === null) {
      faults.push(`${stream} holds events of ${messageId}, which nobody sent`);
    } else {
      const recorded = own.slice(at, end).map(({ type, data }) => ({ type, data }));
      const decided = definition.decide(state, command).map(({ type, data }) => ({ type, data }));
      if (JSON.stringify(recorded) !== JSON.stringify(decided)) {
        faults.push(`promise 2: ${messageId} was decided on another state of ${stream}`);
      }
      if (streamOf(addressOfMessage(command)) !== stream) {
        faults.push(`promise 9: ${messageId} acted on ${stream}, which is not its actor`);
      }
    }
    for (; at < end; at++) state = definition.evolve(state, own[at]!);
  }
  return faults;
}

/** Promises 1 and 4: every actor is where all its commands lead, in whatever order they came. */
function convergenceFaults(
  world: World,
  streams: ReadonlyMap<string, readonly RecordedEvent[]>,
): readonly string[] {
  const commands = [...world.published.values()].flatMap((body) => commandIn(body) ?? []);
  const byActor = Map.groupBy(commands, (command) => streamOf(addressOfMessage(command)));
  return [...byActor].flatMap(([stream, sent]) => {
    const expected = live(definitionOf(stream), sent).state;
    const actual = stateAfter(stream, streams.get(stream) ?? []);
    return canonical(actual) === canonical(expected)
      ? []
      : [`promise 4: ${stream} is ${canonical(actual)}, its commands say ${canonical(expected)}`];
  });
}

/** Promise 7: poison is kept, once, and nothing else is. */
async function deadLetterFaults({ deadLetters, traffic }: World): Promise<readonly string[]> {
  const kept: string[] = [];
  for (const tenantId of ['acme', 'beta', null]) {
    const letters = await deadLetters.peek({ tenantId, limit: 1_000 });
    for (const letter of letters) {
      kept.push(letter.messageId);
      const original = traffic.poison.find(({ messageId }) => messageId === letter.messageId);
      if (original?.body !== letter.body) return [`promise 7: ${letter.messageId} lost its bytes`];
    }
  }
  const sent = traffic.poison.map(({ messageId }) => messageId).sort();
  return `${kept.sort()}` === `${sent}` ? [] : [`promise 7: kept ${kept}, poison was ${sent}`];
}

/** Promise 5: every event is counted once. */
function tallyFaults(
  { tally }: World,
  streams: ReadonlyMap<string, readonly RecordedEvent[]>,
): readonly string[] {
  return [...streams].flatMap(([stream, own]) => {
    const counted = tally.liveSink.counts.get(stream) ?? 0;
    return counted === own.length
      ? []
      : [`promise 5: ${stream} has ${own.length} events, ${counted} were applied`];
  });
}

/** What relationships know of their ends is what the entities are. */
function presenceFaults(
  actors: readonly (readonly [string, readonly RecordedEvent[]])[],
): readonly string[] {
  const phases = new Map(
    actors
      .filter(([stream]) => categoryOf(stream) === 'entity')
      .map(([stream, own]) => [stream, entityPhase(stateAfter(stream, own) as EntityState)]),
  );
  return actors.flatMap(([stream, own]) => {
    const state = stateAfter(stream, own) as RelationshipState;
    if (categoryOf(stream) !== 'relationship' || state.head === null) return [];
    const { tenantId } = addressOf(stream);
    const { sourceEntityId, targetEntityId } = state.head.value;
    const ends = [sourceEntityId, targetEntityId].map(
      (id) => phases.get(streamOf({ tenantId, kind: 'entity', id })) ?? 'absent',
    );
    const gone = ends.includes('deleted') ? 'suspended' : 'proposed';
    const expected = ends.every((phase) => phase === 'active') ? 'active' : gone;
    const phase = relationshipPhase(state);
    return phase === expected ? [] : [`${stream} is ${phase}, its ends are ${ends}`];
  });
}

/** Promises 6 and 9: the graph shows what the actors are, of each tenant its own. */
async function graphFaults(
  { graph }: World,
  actors: readonly (readonly [string, readonly RecordedEvent[]])[],
): Promise<readonly string[]> {
  const expected = actors.flatMap(([stream, own]) => {
    const state = stateAfter(stream, own);
    const properties = Object.fromEntries(
      Object.entries((state as EntityState).properties).map(([name, { value }]) => [name, value]),
    );
    const isShown =
      categoryOf(stream) === 'entity'
        ? entityPhase(state as EntityState) === 'active'
        : relationshipPhase(state as RelationshipState) === 'active';
    return isShown ? [canonical([stream, properties])] : [];
  });
  const rowsOf = (kind: string, rows: readonly (NodeRow | EdgeRow)[]) =>
    rows.map(({ tenantId, id, properties }) =>
      canonical([streamOf({ tenantId, kind, id }), properties]),
    );
  const shown = [...rowsOf('entity', graph.nodes()), ...rowsOf('relationship', graph.edges())];
  return [
    ...shown.filter((row) => !expected.includes(row)).map((row) => `promise 6: ${row} is shown`),
    ...expected.filter((row) => !shown.includes(row)).map((row) => `promise 6: ${row} is missing`),
  ];
}

export function stateAfter(stream: string, own: readonly RecordedEvent[]): unknown {
  const definition = definitionOf(stream);
  return own.reduce((state, event) => definition.evolve(state, event), definition.initial);
}

export function definitionOf(stream: string): ActorDefinition {
  return definitions[addressOf(stream).kind]!;
}

/** The good command that a body holds, or null. */
function commandIn(body: string | Uint8Array): ActorMessage | null {
  try {
    return contracts.read(body).envelope as ActorMessage;
  } catch {
    return null;
  }
}

/** JSON with sorted keys: the order in which properties came is no part of a state. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
