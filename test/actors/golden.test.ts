import { describe, expect, it } from 'vitest';
import { contracts, contractsByType, entity, relationship } from '#actors';
import { graphProjection, linksProjection, outboundProjection } from '#projections';
import { type ActorDefinition, categoryOf, type RecordedEvent, streamOf } from '#runtime';
import { goldenFiles } from '#test/golden';
import { entityVersions } from '../../actors/entity/events.ts';
import { relationshipVersions } from '../../actors/relationship/events.ts';

const newestEvents = new Map([...entityVersions.newest, ...relationshipVersions.newest]);
const newestCommands = new Map([...contractsByType].map(([type, { newest }]) => [type, newest]));
const definitions = [entity as ActorDefinition, relationship as ActorDefinition];
const events = await goldenFiles('events');
const commands = await goldenFiles('commands');

/** `Type.v1` … `Type.vN` of every type. */
function everyVersion(newest: ReadonlyMap<string, number>): readonly string[] {
  return [...newest]
    .flatMap(([type, last]) => Array.from({ length: last }, (_, at) => `${type}.v${at + 1}`))
    .sort();
}

describe('the golden events', () => {
  it('have one of every type in every version that was ever written, and nothing else', () => {
    expect([...events.keys()]).toEqual(everyVersion(newestEvents));
  });

  it.each([...events])('%s is read today: upcast, folded and projected', (name, text) => {
    const event: RecordedEvent = JSON.parse(text);
    expect(name).toBe(`${event.type}.v${event.schemaVersion}`);
    const definition = definitions.find(({ kind }) => kind === categoryOf(event.stream))!;
    const today = definition.upcast(event);
    expect(today.schemaVersion).toBe(newestEvents.get(event.type));
    expect(() => definition.evolve(definition.initial, today)).not.toThrow();
    for (const { project } of [graphProjection, linksProjection, outboundProjection]) {
      expect(() => project(today)).not.toThrow();
    }
  });
});

describe('the golden commands', () => {
  it('have one of every contract in every version that was ever taken, and nothing else', () => {
    expect([...commands.keys()]).toEqual(everyVersion(newestCommands));
  });

  it.each([...commands])('%s passes its contract and is decided today', (name, text) => {
    const { messageType, schemaVersion = 1 } = JSON.parse(text);
    expect(name).toBe(`${messageType}.v${schemaVersion}`);
    const { envelope, address } = contracts.read(text);
    const definition = definitions.find(({ kind }) => kind === address.kind)!;
    expect(streamOf(address)).toMatch(/^(entity|relationship)-harbour\//);
    expect(definition.decide(definition.initial, envelope)).not.toEqual([]);
  });
});
