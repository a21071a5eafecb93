/** What a filter can ask of a message, and what it can get for an answer. */

/**
 * A property's value. `undefined`: there is none, or it is null, so nothing is known of it. An object
 * is a value that SQL has no literal for (a time, bytes, a UUID): it exists, and equals nothing.
 */
export type PropertyValue = string | number | boolean | object | undefined;

/** The names of system properties, as a filter writes them after `sys.`, in lower case. */
export const systemProperties = [
  'correlationid',
  'messageid',
  'to',
  'replyto',
  'label',
  'sessionid',
  'replytosessionid',
  'contenttype',
] as const;

export type SystemProperty = (typeof systemProperties)[number];

export interface Subject {
  system(name: SystemProperty): PropertyValue;
  /** By its name in lower case: names are matched without regard to case. */
  user(lowerName: string): PropertyValue;
}

/** True, false, or null for unknown: SQL's third truth value. A message goes where it is true. */
export type Predicate = (subject: Subject) => boolean | null;

/** An expression that cannot be read; the sentence says where and why. */
export class FilterMistake extends Error {}
