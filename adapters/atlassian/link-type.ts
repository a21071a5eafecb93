/**
 * What a type of issue link means: a dependency, and then of which end, or merely a relation.
 *
 * Names and verbs of link types are edited and translated, so a connection may bring its own table, by
 * type id or name. Below it stand Jira's five types by their original names, then the few verbs that
 * say plainly who depends on whom; they are compared whole, for a part of a verb means nothing.
 *
 * Directions: the source of a link performs the outward verb on its destination ("A blocks B": source A,
 * destination B), so of a Blocks link the destination is the dependent end.
 */
import Type, { type Static } from 'typebox';

export const LinkTypeRule = Type.Object(
  {
    relationship: Type.Enum(['DEPENDS_ON', 'RELATED_TO']),
    dependent: Type.Optional(Type.Enum(['source', 'destination'])),
    subtype: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  },
  { additionalProperties: false },
);

export type LinkTypeRule = Static<typeof LinkTypeRule>;
export type LinkTypeRules = Readonly<Record<string, LinkTypeRule>>;

/** A link type as a body describes it. */
export interface LinkType {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly outward?: string | undefined;
  readonly inward?: string | undefined;
}

export interface LinkMeaning {
  readonly relationship: 'DEPENDS_ON' | 'RELATED_TO';
  /** The end that the relationship starts from. */
  readonly from: 'source' | 'destination';
  readonly subtype: string | undefined;
  /** Both directions read the same: the ends have no order of their own. */
  readonly isSymmetric: boolean;
  /** False where no table knows the type. */
  readonly isKnown: boolean;
}

const originalTypes: LinkTypeRules = {
  Blocks: { relationship: 'DEPENDS_ON', dependent: 'destination' },
  Relates: { relationship: 'RELATED_TO' },
  Duplicate: { relationship: 'RELATED_TO' },
  Cloners: { relationship: 'RELATED_TO' },
  'Problem/Incident': { relationship: 'RELATED_TO' },
};

/** Who depends, where "subject verb object": the subject or the object. */
const dependencyVerbs = new Map<string, 'subject' | 'object'>([
  ['blocks', 'object'],
  ['is blocked by', 'subject'],
  ['depends on', 'subject'],
  ['depends upon', 'subject'],
  ['is depended on by', 'object'],
  ['is depended upon by', 'object'],
  ['is a dependency of', 'object'],
  ['is dependency of', 'object'],
]);

export function meaningOf(type: LinkType, rules: LinkTypeRules = {}): LinkMeaning {
  const rule =
    ruleIn(rules, type.id) ??
    ruleIn(rules, type.name) ??
    ruleIn(originalTypes, type.name) ??
    ruleOfVerbs(type);
  const isSymmetric = type.outward !== undefined && type.outward === type.inward;
  const known = rule ?? { relationship: 'RELATED_TO' };
  return {
    relationship: known.relationship,
    from: known.relationship === 'DEPENDS_ON' ? (known.dependent ?? 'destination') : 'source',
    subtype: known.subtype ?? type.name,
    isSymmetric: known.relationship === 'RELATED_TO' && (isSymmetric || type.name === 'Relates'),
    isKnown: rule !== undefined,
  };
}

function ruleIn(rules: LinkTypeRules, name: string | undefined): LinkTypeRule | undefined {
  return name !== undefined && Object.hasOwn(rules, name) ? rules[name] : undefined;
}

function ruleOfVerbs({ outward, inward }: LinkType): LinkTypeRule | undefined {
  const ofOutward = dependencyVerbs.get(normal(outward));
  const ofInward = dependencyVerbs.get(normal(inward));
  if (ofOutward === undefined && ofInward === undefined) return undefined;
  const isSource = ofOutward === undefined ? ofInward === 'object' : ofOutward === 'subject';
  return { relationship: 'DEPENDS_ON', dependent: isSource ? 'source' : 'destination' };
}

function normal(verb: string | undefined): string {
  return (verb ?? '').trim().toLowerCase();
}
