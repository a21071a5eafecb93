/**
 * Which properties of an entity are indexed by meaning, and how.
 *
 *     heading   PAY-12 Refunds fail twice          with every chunk: what a passage is about
 *     facts     Open, Bug, payments, backend       with the first chunk alone, as they change often
 *     body      the text, cut into passages
 */

import type { Properties } from '../effect.ts';
import { headings } from '../graph/plan.ts';
import { cutBefore } from './passage.ts';

const factual = ['status', 'issueType', 'priority', 'resolution', 'labels', 'components'];
const body = 'text';

export const textual: ReadonlySet<string> = new Set([...headings, ...factual, body]);

/** UTF-16 units of each; beyond that a line is no heading. */
export const lineCharsMax = 200;

/** The names of an entity as one line; empty where it has none. */
export function headingOf(properties: Properties): string {
  return lineOf(headings.flatMap((name) => textsIn(properties[name])).join(' '));
}

/** What else is said of it in a word, as one line. */
export function factsOf(properties: Properties): string {
  return lineOf(factual.flatMap((name) => textsIn(properties[name])).join(', '));
}

export function bodyOf(properties: Properties): string {
  const text = properties[body];
  return typeof text === 'string' ? text : '';
}

function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function lineOf(text: string): string {
  const line = text
    .slice(0, lineCharsMax * 4)
    .replace(/\s+/gu, ' ')
    .trim();
  return line.slice(0, cutBefore(line, lineCharsMax)).trimEnd();
}
