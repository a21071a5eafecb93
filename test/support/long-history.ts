/**
 * A long history of a made-up company, written straight into a log: groups of three entities and two
 * links between them. All are created first and changed after that, so that nothing is settled early.
 */
import type { Log, NewEvent } from '#runtime';
import { streamOf } from '#runtime';
import { entityCreated, entityUpdated, type Fact, linkActivated, linkProposed } from './events.ts';
import { instantAt } from './messages.ts';

export const eventsAGroup = 10;

/** Entity `member` (0, 1 or 2) of a group; 0 is linked to the others. */
export function idOf(group: number, member: number): string {
  return `jira:acme.example:issue:${group * 3 + member}`;
}

/** Appends as many events, a multiple of `eventsAGroup`. */
export async function fillLog(log: Log, events: number): Promise<void> {
  const turns = history(events / eventsAGroup);
  let written = 0;
  const writer = async () => {
    for (const { facts, revision } of turns) {
      const stream = streamOf(facts[0]!);
      const turn = facts.map((fact): NewEvent => {
        written += 1;
        const metadata = { messageId: `message-${written}`, recordedAt: instantAt(written) };
        return { ...fact.event, id: `event-${written}`, metadata };
      });
      const result = await log.append(stream, turn, revision);
      if (result.kind !== 'appended') throw new Error(`${stream}: ${result.kind}`);
    }
  };
  await Promise.all(Array.from({ length: 2_048 }, writer));
}

interface Turn {
  readonly facts: readonly Fact[];
  readonly revision: 'no_stream' | number;
}

function* history(groups: number): Generator<Turn> {
  for (let group = 0; group < groups; group++) {
    for (const member of [0, 1, 2]) {
      const id = idOf(group, member);
      const properties = { key: `LONG-${group}-${member}`, summary: `Something of group ${group}` };
      yield { facts: [entityCreated({ id, properties })], revision: 'no_stream' };
    }
  }
  for (let group = 0; group < groups; group++) {
    for (const member of [0, 1, 2]) {
      const id = idOf(group, member);
      const properties = { summary: `Something else of group ${group}`, round: 2 };
      yield { facts: [entityUpdated({ id, properties })], revision: 0 };
    }
    for (const member of [1, 2]) {
      const parts = {
        id: `link-${group}-${member}`,
        from: idOf(group, 0),
        to: idOf(group, member),
      };
      yield { facts: [linkProposed(parts), linkActivated(parts)], revision: 'no_stream' };
    }
  }
}
