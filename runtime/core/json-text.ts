/** A value as JSON. */
import { RuntimeError } from '../errors.ts';

/** Throws INVARIANT_BROKEN for what JSON has no text for: undefined, a function, a circle, a bigint. */
export function jsonText(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new RuntimeError('INVARIANT_BROKEN', 'a value is no JSON', { cause });
  }
  if (text === undefined) throw new RuntimeError('INVARIANT_BROKEN', 'a value is no JSON');
  return text;
}
