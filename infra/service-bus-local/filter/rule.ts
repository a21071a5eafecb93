/** The rules of a subscription: a message goes there where at least one of them says so. */
import { parseSql } from './sql-parser.ts';
import {
  FilterMistake,
  type Predicate,
  type PropertyValue,
  type SystemProperty,
} from './subject.ts';

export type Filter =
  | { readonly kind: 'true' }
  | { readonly kind: 'false' }
  | { readonly kind: 'sql'; readonly expression: string }
  | {
      readonly kind: 'correlation';
      /** All must be equal; those that are absent don't matter. */
      readonly system: Readonly<Partial<Record<SystemProperty, string>>>;
      readonly user: Readonly<Record<string, string | number | boolean>>;
    };

export interface RuleDefinition {
  readonly name: string;
  readonly filter: Filter;
}

export interface Rule extends RuleDefinition {
  readonly accepts: Predicate;
}

/** What a subscription has that was given none. */
export const everything: RuleDefinition = { name: '$Default', filter: { kind: 'true' } };

/** Throws FilterMistake for an expression that cannot be read. */
export function ruleOf({ name, filter }: RuleDefinition, expressionCharsMax: number): Rule {
  return { name, filter, accepts: predicateOf(filter, expressionCharsMax) };
}

function predicateOf(filter: Filter, expressionCharsMax: number): Predicate {
  switch (filter.kind) {
    case 'true':
      return () => true;
    case 'false':
      return () => false;
    case 'sql':
      if (filter.expression.length > expressionCharsMax) {
        throw new FilterMistake(`it is longer than ${expressionCharsMax} characters`);
      }
      return parseSql(filter.expression);
    case 'correlation':
      return correlation(filter);
  }
}

function correlation({ system, user }: Extract<Filter, { kind: 'correlation' }>): Predicate {
  const wantedSystem = Object.entries(system) as [SystemProperty, PropertyValue][];
  const wantedUser = Object.entries(user).map(
    ([name, value]) => [name.toLowerCase(), value] as const,
  );
  if (wantedSystem.length + wantedUser.length === 0) {
    throw new FilterMistake('a correlation filter must name at least one property');
  }
  return (subject) =>
    wantedSystem.every(([name, value]) => subject.system(name) === value) &&
    wantedUser.every(([name, value]) => subject.user(name) === value);
}
