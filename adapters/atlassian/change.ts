/**
 * A changelog's items. They carry a property called `toString`, so only own properties are read; `field`
 * is translated or a custom name where there is a `fieldId`, and then that is preferred.
 */
import { listAt, objectAt, stringAt } from './json.ts';

export interface Change {
  /** In lower case. */
  readonly field: string;
  /** The values' ids; undefined where there was or is none. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}

export function changesIn(body: unknown): readonly Change[] {
  return listAt(body, 'changelog', 'items').flatMap((value) => {
    const item = objectAt(value);
    const field = stringAt(item, 'fieldId') ?? stringAt(item, 'field');
    if (field === undefined) return [];
    const from = stringAt(item, 'from');
    return [{ field: field.toLowerCase(), from, to: stringAt(item, 'to') }];
  });
}
