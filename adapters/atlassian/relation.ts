/**
 * Relationships that an entity has by its nature, one slot each: the assignee of an issue, the space of a
 * page. A slot is one relationship whose target changes; linking it anew says that the old edge is
 * over, so a reassignment needs no knowledge of who was assigned before, in whatever order it arrives.
 *
 *     slot         relationship   role          source → target
 *     author       AUTHORED_BY    author        issue, page, comment, attachment → person
 *     assignee     ASSIGNED_TO    assignee      issue → person
 *     lead         RELATED_TO     lead          project → person
 *     container    RELATED_TO     container     issue → project, page → space, comment → issue, …
 *     parent       RELATED_TO     parent        issue → epic or parent task, page → page
 *     answers      RELATED_TO     in-reply-to   comment → comment
 *
 * Beside the slots: issue links (jira-link.ts, role `link` or `parent`) and what a text mentions
 * (reference.ts, role `mentions`).
 */
import type { RelationshipType } from '#actors';
import type { Stamp } from './stamp.ts';
import type { Statements } from './statement.ts';

const slots = {
  author: { type: 'AUTHORED_BY', role: 'author' },
  assignee: { type: 'ASSIGNED_TO', role: 'assignee' },
  lead: { type: 'RELATED_TO', role: 'lead' },
  container: { type: 'RELATED_TO', role: 'container' },
  parent: { type: 'RELATED_TO', role: 'parent' },
  answers: { type: 'RELATED_TO', role: 'in-reply-to' },
} as const satisfies Record<string, { type: RelationshipType; role: string }>;

export type Slot = keyof typeof slots;

/**
 * Says what a slot of an entity holds: a target, nothing (null), or that nothing is known (undefined,
 * and then nothing is said).
 */
export function fill(
  say: Statements,
  owner: string,
  slot: Slot,
  target: string | null | undefined,
  stamp: Stamp,
  subtype?: string,
): void {
  const id = `${owner}/${slot}`;
  if (target === undefined) return;
  if (target === null) {
    say.unlink(id, stamp);
    return;
  }
  const { type, role } = slots[slot];
  say.link({ id, type, from: owner, to: target, properties: { role, subtype } }, stamp);
}
