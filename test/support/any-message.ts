/** Any message to one actor: few names, values and instants, so that they meet; ids of their own. */
import fc from 'fast-check';
import type { EntityMessage, RelationshipMessage } from '#actors';
import {
  createEntity,
  deleteEntity,
  linkEntities,
  setEndPresence,
  unlinkEntities,
  updateEntity,
} from './messages.ts';

const messageId = fc.integer({ min: 1, max: 1_000_000 }).map((id) => `m${id}`);
const at = fc.integer({ min: 0, max: 4 });

export const anyEntityMessage = fc
  .record({
    kind: fc.constantFrom('create', 'update', 'delete'),
    messageId,
    at,
    importance: fc.constantFrom('MINOR' as const, 'MAJOR' as const),
    properties: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(null, 1, 2)),
  })
  .map(({ kind, ...parts }): EntityMessage => {
    if (kind === 'create') return createEntity(parts);
    return kind === 'update' ? updateEntity(parts) : deleteEntity(parts);
  });

export const anyRelationshipMessage = fc
  .record({
    kind: fc.constantFrom('link', 'link', 'unlink', 'presence', 'presence'),
    messageId,
    at,
    from: fc.constantFrom('x', 'y'),
    to: fc.constantFrom('x', 'z'),
    strength: fc.constantFrom(0, 1),
    properties: fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom(null, 1, 2)),
    end: fc.constantFrom('x', 'y', 'z'),
    revision: fc.integer({ min: 0, max: 4 }),
  })
  .map(({ kind, end, revision, ...parts }): RelationshipMessage => {
    if (kind === 'link') return linkEntities(parts);
    if (kind === 'unlink') return unlinkEntities(parts);
    // An entity's revision says one thing only.
    return setEndPresence({ ...parts, end, revision, present: revision % 2 === 0 });
  });
