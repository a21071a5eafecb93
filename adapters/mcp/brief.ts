/** An entity and a relationship where others are in the foreground: enough to know them by. */
import { type Entity, labelOf, type Relationship, urlOf } from '#projections';

export interface Brief {
  readonly id: string;
  readonly type: string;
  /** One line. */
  readonly title: string;
  /** Null where there is none. */
  readonly url: string | null;
}

export type RelationshipBrief = Omit<Relationship, 'revision' | 'position'>;

const titleCharsMax = 120;

export function briefOf(entity: Entity): Brief {
  const { id, type } = entity;
  return { id, type, title: oneLine(labelOf(entity)), url: urlOf(entity) };
}

export function relationshipBriefOf(relationship: Relationship): RelationshipBrief {
  const { revision: _, position: __, ...brief } = relationship;
  return brief;
}

/** `ISSUE ACME-12 Refund endpoint [id] url`. */
export function lineOf({ id, type, title, url }: Brief): string {
  return [type, title, `[${oneLine(id, id.length)}]`, ...(url === null ? [] : [url])].join(' ');
}

/** A text that cannot pass for more than one line of an answer. */
export function oneLine(text: string, charsMax = titleCharsMax): string {
  const line = text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  if (line.length <= charsMax) return line;
  return `${line.slice(0, charsMax - 1).toWellFormed()}…`;
}
