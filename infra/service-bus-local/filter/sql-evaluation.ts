/**
 * What the operators of a filter mean. Whatever has an unknown operand is unknown; so is a comparison
 * of two kinds of value, where Azure would convert some of them or fail.
 */
import type { Predicate, PropertyValue, Subject } from './subject.ts';

export type Operand = (subject: Subject) => PropertyValue;
export type Comparison = '=' | '<>' | '!=' | '<' | '<=' | '>' | '>=';

export function both(one: Predicate, other: Predicate): Predicate {
  return (subject) => {
    const first = one(subject);
    if (first === false) return false;
    const second = other(subject);
    return second === false ? false : first === null ? null : second;
  };
}

export function either(one: Predicate, other: Predicate): Predicate {
  return (subject) => {
    const first = one(subject);
    if (first === true) return true;
    const second = other(subject);
    return second === true ? true : first === null ? null : second;
  };
}

export function not(predicate: Predicate): Predicate {
  return (subject) => {
    const truth = predicate(subject);
    return truth === null ? null : !truth;
  };
}

export function comparison(left: Operand, sign: Comparison, right: Operand): Predicate {
  return (subject) => compare(left(subject), sign, right(subject));
}

export function isKnown(operand: Operand): Predicate {
  return (subject) => operand(subject) !== undefined;
}

export function isOneOf(left: Operand, list: readonly Operand[]): Predicate {
  return (subject) => {
    const value = left(subject);
    if (value === undefined) return null;
    return list.some((each) => compare(value, '=', each(subject)) === true);
  };
}

export function isLike(left: Operand, pattern: Operand, escaping: Operand | null): Predicate {
  return (subject) => {
    const value = left(subject);
    const like = pattern(subject);
    const mark = escaping?.(subject);
    if (typeof value !== 'string' || typeof like !== 'string') return null;
    return matches([...value], wildcards(like, typeof mark === 'string' ? mark : null));
  };
}

function compare(left: PropertyValue, sign: Comparison, right: PropertyValue): boolean | null {
  if (left === undefined || right === undefined || typeof left !== typeof right) return null;
  if (typeof left === 'object') return null;
  switch (sign) {
    case '=':
      return left === right;
    case '<>':
    case '!=':
      return left !== right;
    case '<':
      return left < right!;
    case '<=':
      return left <= right!;
    case '>':
      return left > right!;
    case '>=':
      return left >= right!;
  }
}

const anyText = Symbol('%');
const anyCharacter = Symbol('_');
type Wildcard = string | typeof anyText | typeof anyCharacter;

function wildcards(like: string, mark: string | null): readonly Wildcard[] {
  const parts: Wildcard[] = [];
  let isEscaped = false;
  for (const character of like) {
    if (isEscaped) parts.push(character);
    else if (character === '%') parts.push(anyText);
    else if (character === '_') parts.push(anyCharacter);
    else if (character !== mark) parts.push(character);
    isEscaped = !isEscaped && character === mark;
  }
  return parts;
}

/** Goes back to the last `%` only: length times pattern at worst, where a regular expression explodes. */
function matches(text: readonly string[], parts: readonly Wildcard[]): boolean {
  let at = 0;
  let part = 0;
  let retryAt = -1;
  let retryPart = -1;
  while (at < text.length) {
    const wanted = parts[part];
    if (wanted === anyText) {
      retryPart = ++part;
      retryAt = at;
    } else if (wanted === anyCharacter || (wanted !== undefined && wanted === text[at])) {
      part += 1;
      at += 1;
    } else if (retryPart >= 0) {
      part = retryPart;
      at = ++retryAt;
    } else return false;
  }
  while (parts[part] === anyText) part += 1;
  return part === parts.length;
}
