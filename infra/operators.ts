/** OPERATOR_TOKENS: who may do what operators do. */
import type { Reading } from './reading.ts';
import { Secret } from './secret.ts';

export interface OperatorSettings {
  readonly name: string;
  readonly token: Secret;
}

/** As long as a person may still type, and too long to guess. */
const tokenCharsMin = 16;
/** The names that are left out are those of nobody in particular in the audit log. */
const entryPattern = new RegExp(
  `^(?!(?:anonymous|others|unknown):)([A-Za-z0-9._-]{1,64}):([\\x21-\\x2b\\x2d-\\x7e]{${tokenCharsMin},})$`,
);
const allowed = `must be name:token, more of them after commas; a name is of A-Z a-z 0-9 . _ -, a token has ${tokenCharsMin} characters or more`;

/** Notes as mistakes: another form, a name or a token that stands twice. Shows no token. */
export function operatorsIn(reading: Reading): readonly OperatorSettings[] {
  const text = reading.secret('OPERATOR_TOKENS', allowed, (value) =>
    entriesOf(value).every((entry) => entryPattern.test(entry)),
  );
  const operators = entriesOf(text?.reveal() ?? '').flatMap((entry) => {
    const [, name, token] = entryPattern.exec(entry) ?? [];
    return name === undefined || token === undefined ? [] : [{ name, token: new Secret(token) }];
  });
  const names = new Set(operators.map(({ name }) => name));
  const tokens = new Set(operators.map(({ token }) => token.reveal()));
  if (names.size < operators.length || tokens.size < operators.length) {
    reading.mistakes.push(
      'OPERATOR_TOKENS has a name or a token twice; each operator has an own one',
    );
  }
  return operators;
}

function entriesOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(',').map((entry) => entry.trim());
}
