/**
 * Reads a filter expression: Azure's documented grammar without arithmetic, functions and parameters.
 *
 *     either      := both { OR both }
 *     both        := negation { AND negation }
 *     negation    := NOT negation | ( either ) | EXISTS ( property ) | comparison
 *     comparison  := operand ( = | <> | != | < | <= | > | >= ) operand
 *                  | operand [NOT] IN ( operand {, operand} )
 *                  | operand [NOT] LIKE operand [ESCAPE operand]
 *                  | property IS [NOT] NULL
 *     operand     := 'text' | [+|-] number | TRUE | FALSE | NULL | property
 *     property    := [sys.|user.] name
 */
import {
  both,
  type Comparison,
  comparison,
  either,
  isKnown,
  isLike,
  isOneOf,
  not,
  type Operand,
} from './sql-evaluation.ts';
import { type Token, tokensOf } from './sql-token.ts';
import { FilterMistake, type Predicate, type SystemProperty, systemProperties } from './subject.ts';

const keywords = /^(AND|OR|NOT|IN|LIKE|ESCAPE|IS|NULL|EXISTS|TRUE|FALSE)$/i;
const comparisons: readonly string[] = ['=', '<>', '!=', '<', '<=', '>', '>='];

/** Throws FilterMistake. The caller bounds the length, and so the depth. */
export function parseSql(expression: string): Predicate {
  return new Parser(tokensOf(expression)).whole();
}

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Predicate {
    const predicate = this.#either();
    if (this.#token !== undefined) throw this.#unexpected('the end');
    return predicate;
  }

  #either(): Predicate {
    let predicate = this.#both();
    while (this.#takes('OR')) predicate = either(predicate, this.#both());
    return predicate;
  }

  #both(): Predicate {
    let predicate = this.#negation();
    while (this.#takes('AND')) predicate = both(predicate, this.#negation());
    return predicate;
  }

  #negation(): Predicate {
    if (this.#takes('NOT')) return not(this.#negation());
    if (this.#takes('(')) {
      const predicate = this.#either();
      this.#must(')');
      return predicate;
    }
    if (this.#takes('EXISTS')) {
      this.#must('(');
      const property = this.#property();
      this.#must(')');
      return isKnown(property);
    }
    return this.#comparison();
  }

  #comparison(): Predicate {
    const left = this.#operand();
    if (this.#takes('IS')) {
      const isNot = this.#takes('NOT');
      this.#must('NULL');
      return isNot ? isKnown(left) : not(isKnown(left));
    }
    if (this.#takes('NOT')) return not(this.#membership(left) ?? this.#fail('IN or LIKE'));
    const membership = this.#membership(left);
    if (membership !== null) return membership;
    const sign = this.#token;
    if (sign?.kind !== 'sign' || !comparisons.includes(sign.text)) this.#fail('a comparison');
    this.#next += 1;
    return comparison(left, sign!.text as Comparison, this.#operand());
  }

  #membership(left: Operand): Predicate | null {
    if (this.#takes('LIKE')) {
      const pattern = this.#operand();
      return isLike(left, pattern, this.#takes('ESCAPE') ? this.#operand() : null);
    }
    if (!this.#takes('IN')) return null;
    this.#must('(');
    const list = [this.#operand()];
    while (this.#takes(',')) list.push(this.#operand());
    this.#must(')');
    return isOneOf(left, list);
  }

  #operand(): Operand {
    const isNegative = this.#takes('-');
    const isSigned = isNegative || this.#takes('+');
    const token = this.#token;
    if (token?.kind === 'number') {
      this.#next += 1;
      const value = isNegative ? -token.value : token.value;
      return () => value;
    }
    if (isSigned) this.#fail('a number');
    if (token?.kind === 'text') {
      this.#next += 1;
      return () => token.text;
    }
    if (this.#takes('TRUE')) return () => true;
    if (this.#takes('FALSE')) return () => false;
    if (this.#takes('NULL')) return () => undefined;
    return this.#property();
  }

  #property(): Operand {
    const first = this.#name();
    if (!this.#takes('.')) return userProperty(first);
    const scope = first.toLowerCase();
    if (scope === 'user') return userProperty(this.#name());
    if (scope !== 'sys') throw new FilterMistake(`'${first}.' is no scope: sys. and user. are`);
    return systemProperty(this.#name());
  }

  #name(): string {
    const token = this.#token;
    const isName = token?.kind === 'name' || (token?.kind === 'word' && !keywords.test(token.text));
    if (!isName) this.#fail('a property or a value');
    this.#next += 1;
    return token!.text;
  }

  get #token(): Token | undefined {
    return this.#tokens[this.#next];
  }

  /** Takes a keyword or a sign, if it stands here. */
  #takes(text: string): boolean {
    const token = this.#token;
    const isIt =
      (token?.kind === 'word' && token.text.toUpperCase() === text) ||
      (token?.kind === 'sign' && token.text === text);
    if (isIt) this.#next += 1;
    return isIt;
  }

  #must(text: string): void {
    if (!this.#takes(text)) this.#fail(`'${text}'`);
  }

  #fail(wanted: string): never {
    throw this.#unexpected(wanted);
  }

  #unexpected(wanted: string): FilterMistake {
    const token = this.#token;
    const found = token === undefined ? 'the end' : `'${token.text}'`;
    const at = token === undefined ? '' : `at ${token.at + 1}: `;
    return new FilterMistake(`${at}expected ${wanted}, found ${found}`);
  }
}

function userProperty(name: string): Operand {
  const lowerName = name.toLowerCase();
  return (subject) => subject.user(lowerName);
}

function systemProperty(name: string): Operand {
  const lowerName = name.toLowerCase();
  // Label is what the client calls subject.
  const known = (lowerName === 'subject' ? 'label' : lowerName) as SystemProperty;
  if (!systemProperties.includes(known)) {
    throw new FilterMistake(`'sys.${name}' is not known: ${systemProperties.join(', ')} are`);
  }
  return (subject) => subject.system(known);
}
