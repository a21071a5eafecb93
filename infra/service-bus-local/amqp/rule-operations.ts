/** Management of a subscription's rules, in the described lists that the client reads. */

import { conditions, Refusal } from '../core/refusal.ts';
import type { Filter, RuleDefinition } from '../filter/rule.ts';
import type { SystemProperty } from '../filter/subject.ts';
import { type Typed, types } from '../wire/typed.ts';
import {
  type Call,
  numberIn,
  type Operation,
  subscriptionOf,
  textIn,
  wrongArgument,
} from './call.ts';
import { doneAnswer, refusalAnswer } from './request.ts';

export const ruleOperations: readonly (readonly [string, Operation])[] = [
  ['com.microsoft:add-rule', add],
  ['com.microsoft:remove-rule', remove],
  ['com.microsoft:enumerate-rules', enumerate],
];

const descriptors = {
  rule: 0x0000_0137_0000_0004,
  noAction: 0x0000_0137_0000_0005,
  sqlFilter: 0x0000_0013_7000_0006,
  trueFilter: 0x0000_0013_7000_0007,
  falseFilter: 0x0000_0013_7000_0008,
  correlationFilter: 0x0000_0013_7000_0009,
} as const;

/** In the order of the described list, with the names that a request has for them. */
const correlationFields: readonly (readonly [string, SystemProperty])[] = [
  ['correlation-id', 'correlationid'],
  ['message-id', 'messageid'],
  ['to', 'to'],
  ['reply-to', 'replyto'],
  ['label', 'label'],
  ['session-id', 'sessionid'],
  ['reply-to-session-id', 'replytosessionid'],
  ['content-type', 'contenttype'],
];

type Fields = Readonly<Record<string, unknown>>;

function add(call: Call): void {
  const description = fieldsOf(call.body['rule-description'], 'rule-description');
  if (description['sql-rule-action'] !== undefined && description['sql-rule-action'] !== null) {
    throw new Refusal(conditions.notImplemented, 'Rule actions are left out of the local broker.');
  }
  const rule: RuleDefinition = { name: textIn(call, 'rule-name'), filter: filterIn(description) };
  call.exchange.keeping.addRule(subscriptionOf(call), rule, (refusal) => {
    call.answer(refusal === null ? doneAnswer() : refusalAnswer(refusal));
  });
}

function filterIn(description: Fields): Filter {
  if (description['sql-filter'] !== undefined) {
    const { expression } = fieldsOf(description['sql-filter'], 'sql-filter');
    if (typeof expression !== 'string') throw wrongArgument('expression');
    return { kind: 'sql', expression };
  }
  const filter = fieldsOf(description['correlation-filter'], 'correlation-filter');
  const system: Partial<Record<SystemProperty, string>> = {};
  for (const [field, property] of correlationFields) {
    const value = filter[field];
    if (typeof value === 'string') system[property] = value;
    else if (value !== undefined && value !== null) throw wrongArgument(field);
  }
  const user: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(fieldsOf(filter.properties ?? {}, 'properties'))) {
    const isPlain = ['string', 'number', 'boolean'].includes(typeof value);
    if (!isPlain) throw wrongArgument(`properties.${name}`);
    user[name] = value as string | number | boolean;
  }
  return { kind: 'correlation', system, user };
}

function remove(call: Call): void {
  call.exchange.keeping.removeRule(subscriptionOf(call), textIn(call, 'rule-name'), (refusal) => {
    call.answer(refusal === null ? doneAnswer() : refusalAnswer(refusal));
  });
}

function enumerate(call: Call): void {
  const { rules } = subscriptionOf(call);
  const skip = numberIn(call, 'skip');
  const some = [...rules.values()].slice(skip, skip + numberIn(call, 'top'));
  if (some.length === 0) {
    call.answer({ status: 204, description: 'No rules.' });
    return;
  }
  call.answer(doneAnswer({ rules: some.map((rule) => ({ 'rule-description': described(rule) })) }));
}

function described({ name, filter }: RuleDefinition): Typed {
  return list(descriptors.rule, [
    describedFilter(filter),
    list(descriptors.noAction, []),
    types.wrap_string(name),
  ]);
}

function describedFilter(filter: Filter): Typed {
  switch (filter.kind) {
    case 'true':
      return list(descriptors.trueFilter, []);
    case 'false':
      return list(descriptors.falseFilter, []);
    case 'sql':
      return list(descriptors.sqlFilter, [types.wrap_string(filter.expression)]);
    case 'correlation':
      return list(descriptors.correlationFilter, [
        ...correlationFields.map(([, property]) => types.wrap(filter.system[property])),
        types.wrap_map(filter.user),
      ]);
  }
}

function list(descriptor: number, items: readonly Typed[]): Typed {
  return types.described(types.wrap_ulong(descriptor), types.wrap_list(items));
}

function fieldsOf(value: unknown, name: string): Fields {
  if (typeof value === 'object' && value !== null) return value as Fields;
  throw wrongArgument(name);
}
