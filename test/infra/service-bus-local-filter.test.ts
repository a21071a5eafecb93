/** The filters of subscriptions: the documented subset of SQL, and correlation. */
import { describe, expect, it } from 'vitest';
import { type Filter, ruleOf } from '../../infra/service-bus-local/filter/rule.ts';
import {
  FilterMistake,
  type PropertyValue,
  type Subject,
  type SystemProperty,
} from '../../infra/service-bus-local/filter/subject.ts';

const system: Partial<Record<SystemProperty, string>> = {
  messageid: 'm-1',
  label: 'order.created',
  sessionid: 'shard-7',
};
const user: Record<string, PropertyValue> = {
  size: 12,
  price: 9.5,
  kind: 'bug',
  urgent: true,
  "o'clock": 'noon',
  'with space': 'yes',
  größe: 3,
  when: new Date(0),
  percent: '50%',
};
const subject: Subject = {
  system: (name) => system[name],
  user: (lowerName) => user[lowerName],
};

function accepts(filter: Filter): boolean | null {
  return ruleOf({ name: 'r', filter }, 1_024).accepts(subject);
}
const sql = (expression: string) => accepts({ kind: 'sql', expression });

describe('an SQL filter', () => {
  it.each([
    ['size = 12', true],
    ['size <> 12', false],
    ['size != 13', true],
    ['size > 11 AND size < 13', true],
    ['size >= 12 and size <= 12', true],
    ['price > 9.25', true],
    ['price = 95E-1', true],
    ['size > -1', true],
    ['size = +12', true],
    ["kind = 'bug'", true],
    ["kind = 'Bug'", false],
    ["KIND = 'bug'", true],
    ["kind < 'c'", true],
    ['urgent = TRUE', true],
    ['urgent = false', false],
    ["user.kind = 'bug'", true],
    ["sys.Label = 'order.created'", true],
    ["SYS.subject = 'order.created'", true],
    ['sys.SessionId IS NOT NULL AND sys.To IS NULL', true],
    ["[o'clock] = 'noon'", true],
    ['"with space" = \'yes\'', true],
    ['größe = 3', true],
    ["'bug' = kind", true],
    ['1 = 1', true],
    ['1=0', false],
    ["kind IN ('feature', 'bug')", true],
    ["kind NOT IN ('feature', 'task')", true],
    ['size IN (1, 2, 3)', false],
    ["kind LIKE 'b%'", true],
    ["kind LIKE '_u_'", true],
    ["kind LIKE 'b'", false],
    ["kind NOT LIKE '%x%'", true],
    ["sys.Label LIKE '%.%d'", true],
    ["percent LIKE '50!%' ESCAPE '!'", true],
    ["kind LIKE 'bug!%' ESCAPE '!'", false],
    ['EXISTS(size)', true],
    ['EXISTS (nothing)', false],
    ['NOT EXISTS(nothing)', true],
    ['nothing IS NULL', true],
    ['size IS NOT NULL', true],
    ["NOT (size = 12 AND kind = 'bug')", false],
    ["NOT size = 13 AND kind = 'bug'", true],
    ['1=0 OR 1=1 AND 1=0', false],
    ['(1=0 OR 1=1) AND 1=1', true],
    ["kind = 'it''s'", false],
  ])('%s is %s', (expression, truth) => {
    expect(sql(expression)).toBe(truth);
  });

  it.each([
    'nothing = 1',
    'NOT nothing = 1',
    'nothing <> 1',
    "nothing LIKE '%'",
    'nothing IN (1)',
    'nothing = 1 AND 1 = 1',
    'nothing = 1 OR 1 = 0',
    'size = NULL',
    "size = '12'",
    'when = 0',
    'when = when',
    'size LIKE 1',
  ])('%s is unknown, and no message goes where it is unknown', (expression) => {
    expect(sql(expression)).toBeNull();
  });

  it('knows what one operand settles, though the other is unknown', () => {
    expect(sql('nothing = 1 AND 1 = 0')).toBe(false);
    expect(sql('1 = 0 AND nothing = 1')).toBe(false);
    expect(sql('nothing = 1 OR 1 = 1')).toBe(true);
    expect(sql('1 = 1 OR nothing = 1')).toBe(true);
  });

  it.each([
    ['', /expected a property or a value, found the end/],
    ['size', /expected a comparison, found the end/],
    ['size = ', /found the end/],
    ['size = 1 2', /at 10: expected the end, found '2'/],
    ['size == 1', /at 7: expected a property or a value, found '='/],
    ['size = 1 AND', /found the end/],
    ['(size = 1', /expected '\)'/],
    ["kind = 'open", /at 8: ''' has no meaning here/],
    ['size + 1 = 2', /expected a comparison, found '\+'/],
    ['newid() = 1', /expected a comparison, found '\('/],
    ['size = @param', /'@' has no meaning here/],
    ['kind NOT = 1', /expected IN or LIKE/],
    ['kind IN ()', /expected a property or a value/],
    ['sys.Nothing = 1', /'sys.Nothing' is not known/],
    ['other.kind = 1', /'other\.' is no scope/],
    ['AND = 1', /expected a property/],
    [`kind = '${'x'.repeat(1_024)}'`, /longer than 1024/],
  ])('%s is refused with its place', (expression, message) => {
    expect(() => sql(expression)).toThrow(FilterMistake);
    expect(() => sql(expression)).toThrow(message);
  });

  it('is not made to work for ever by a pattern', () => {
    user.long = 'a'.repeat(5_000);
    const pattern = `${'%a'.repeat(400)}b`;
    expect(sql(`long LIKE '${pattern}'`)).toBe(false);
  });

  it('nests as deep as its length allows', () => {
    const deep = `${'('.repeat(500)}1=1${')'.repeat(500)}`;
    expect(sql(deep)).toBe(true);
    expect(sql(`${'NOT '.repeat(250)}1=1`)).toBe(true);
  });
});

describe('a correlation filter', () => {
  const correlation = (system: Partial<Record<SystemProperty, string>>, user = {}) =>
    accepts({ kind: 'correlation', system, user });

  it('wants all that it names to be equal, by value and kind', () => {
    expect(correlation({ label: 'order.created', sessionid: 'shard-7' })).toBe(true);
    expect(correlation({ label: 'order.created', to: 'x' })).toBe(false);
    expect(correlation({}, { SIZE: 12, kind: 'bug' })).toBe(true);
    expect(correlation({}, { size: '12' })).toBe(false);
    expect(correlation({}, { nothing: 'x' })).toBe(false);
  });

  it('names at least one property', () => {
    expect(() => correlation({})).toThrow(FilterMistake);
  });
});
