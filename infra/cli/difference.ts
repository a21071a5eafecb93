/** A difference that a rehearsal found, in lines for people: what it is, and the values that differ. */
import { type Difference, type DomainEvent, sameJson } from '#runtime';
import { lineOf } from './text.ts';

/** Values of one difference that are shown; the JSON output has all. */
const valuesMax = 6;

/** At most `width` characters a line. */
export function differenceLines(difference: Difference, width: number): readonly string[] {
  const { revision, position } = difference;
  const [head, ...values] = textOf(difference);
  const lines = values.slice(0, valuesMax).map((line) => `    ${lineOf(line, width - 4)}`);
  const more = values.length > valuesMax ? [`    and ${values.length - valuesMax} more`] : [];
  return [lineOf(`@${revision} (position ${position}): ${head}`, width), ...lines, ...more];
}

/** A head, then a line for each value. */
function textOf(difference: Difference): readonly [string, ...string[]] {
  const { messageId } = difference;
  switch (difference.kind) {
    case 'decision': {
      const { messageType, recorded, decided } = difference;
      const led = `${messageType} ${messageId} led to ${namesOf(recorded)}`;
      return [`${led}, and now to ${namesOf(decided)}`, ...changes(recorded, decided)];
    }
    case 'refusal': {
      const { messageType, code, reason } = difference;
      return [`${messageType} ${messageId} is refused now: ${code}: ${reason}`];
    }
    case 'no-message': {
      const values = difference.recorded.map((fact) => JSON.stringify(fact));
      return [`no message leads now to ${namesOf(difference.recorded)} of ${messageId}`, ...values];
    }
    case 'unreadable': {
      const { type, code, reason } = difference;
      return [`${type} can not be read, and its actor not be woken: ${code}: ${reason}`];
    }
    case 'state': {
      const { recorded, folded } = difference;
      return ['the events lead to another state than was stored', ...changes(recorded, folded)];
    }
  }
}

function namesOf(events: readonly DomainEvent[]): string {
  if (events.length === 0) return 'nothing';
  return events.map(({ type, schemaVersion }) => `${type} v${schemaVersion}`).join(', ');
}

/** What differs between two JSON values, each with its place as a JSON pointer. */
function changes(was: unknown, is: unknown, pointer = ''): readonly string[] {
  if (sameJson(was, is)) return [];
  if (!isContainer(was) || !isContainer(is) || Array.isArray(was) !== Array.isArray(is)) {
    const text = (value: unknown) => (value === undefined ? 'nothing' : JSON.stringify(value));
    return [`${pointer}  ${text(was)} → ${text(is)}`];
  }
  const names = new Set([...Object.keys(was), ...Object.keys(is)]);
  return [...names].flatMap((name) =>
    changes(was[name], is[name], `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`),
  );
}

function isContainer(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
