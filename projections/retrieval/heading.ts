/** What people call an entity, and where they open it. */
import type { Entity } from '../graph/answer.ts';

type Named = Pick<Entity, 'id' | 'properties'>;

/** Longer ones are cut: a title is one line. */
const titleCharsMax = 200;

/** Title or name; of what has neither the key, how its text begins, or its id. */
export function titleOf({ id, properties }: Named): string {
  const { title, name, summary, key, text } = properties;
  return [title, name, summary, key, text].map(lineOf).find((line) => line !== '') ?? id;
}

/** With the key in front, where it has one. */
export function labelOf(entity: Named): string {
  const key = lineOf(entity.properties.key);
  const title = titleOf(entity);
  return key === '' || key === title ? title : `${key} ${title}`;
}

/** The source's URL; null where it is empty or nothing that a browser should open. */
export function urlOf({ source }: Pick<Entity, 'source'>): string | null {
  return /^https?:\/\/\S+$/iu.test(source.url) ? source.url : null;
}

/** A property as one line of text, empty where it is neither text nor a number. */
export function lineOf(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string') return '';
  const points = Array.from(
    value
      .slice(0, 4 * titleCharsMax)
      .replace(/\s+/gu, ' ')
      .trim(),
  );
  return points.length <= titleCharsMax
    ? points.join('')
    : `${points.slice(0, titleCharsMax - 1).join('')}…`;
}
