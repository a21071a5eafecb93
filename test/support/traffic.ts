/** What is sent in a simulated world: commands that meet, some twice, some late, some poison. */
import type { ActorMessage } from '#actors';
import type { BusMessage } from '#runtime';
import type { Chance } from './chance.ts';
import {
  createEntity,
  deleteEntity,
  linkEntities,
  onTheBus,
  unlinkEntities,
  updateEntity,
} from './messages.ts';

export interface Traffic {
  /** Distinct good commands. */
  readonly commands: readonly ActorMessage[];
  /** Distinct messages that no actor can take. */
  readonly poison: readonly BusMessage[];
  /** What is published together, in the order of sending; everything is in it at least once. */
  readonly parcels: readonly (readonly BusMessage[])[];
}

const tenants = ['acme', 'acme', 'acme', 'beta'];
const entities = ['e1', 'e2', 'e3', 'e4'];
const links = ['l1', 'l2', 'l3'];

export function drawTraffic(chance: Chance): Traffic {
  const count = 12 + chance.int(24);
  const commands = Array.from({ length: count }, (_, index) => drawCommand(chance, `m${index}`));
  const poison = Array.from({ length: chance.int(3) }, (_, index) =>
    drawPoison(chance, `poison-${index}`),
  );
  const once = [...commands.map(onTheBus), ...poison];
  const again = once.filter(() => chance.happens(0.3));
  return { commands, poison, parcels: bundled(chance, shuffled(chance, [...once, ...again])) };
}

function drawCommand(chance: Chance, messageId: string): ActorMessage {
  const common = { messageId, tenantId: chance.pick(tenants), at: chance.int(20) };
  const id = chance.pick(entities);
  const properties = { [chance.pick(['a', 'b', 'c'])]: chance.int(3) };
  const relation = {
    ...common,
    id: chance.pick(links),
    from: chance.pick(entities),
    to: chance.pick(entities),
    properties,
  };
  switch (chance.int(8)) {
    case 0:
    case 1:
    case 2:
      return createEntity({ ...common, id, properties });
    case 3:
    case 4:
      return updateEntity({ ...common, id, properties });
    case 5:
      return deleteEntity({ ...common, id });
    case 6:
      return linkEntities(relation);
    default:
      return chance.happens(0.7) ? linkEntities(relation) : unlinkEntities(relation);
  }
}

function drawPoison(chance: Chance, messageId: string): BusMessage {
  const command = drawCommand(chance, messageId);
  const body = chance.pick([
    JSON.stringify({ ...command, payload: {} }),
    JSON.stringify({ ...command, messageType: 'NO_SUCH_TYPE' }),
    `{"messageId": "${messageId}", broken`,
  ]);
  return { messageId, body };
}

function shuffled<T>(chance: Chance, items: readonly T[]): T[] {
  const result = [...items];
  for (let at = result.length - 1; at > 0; at--) {
    const other = chance.int(at + 1);
    [result[at], result[other]] = [result[other]!, result[at]!];
  }
  return result;
}

function bundled<T>(chance: Chance, items: readonly T[]): T[][] {
  const bundles: T[][] = [];
  for (let at = 0; at < items.length; ) {
    const size = 1 + chance.int(4);
    bundles.push(items.slice(at, at + size));
    at += size;
  }
  return bundles;
}
