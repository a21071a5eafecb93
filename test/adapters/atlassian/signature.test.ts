import { describe, expect, test } from 'vitest';
import { authenticate, type Connection, signatureOf } from '#adapters/atlassian';
import { bytes, jira } from './delivered.ts';

const secret = "It's a Secret to Everybody";
const body = bytes('Hello World!');
const signed: Connection = { ...jira, secret };
const open = { headers: {}, query: {}, body };
const good = 'sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9';

const refused = expect.objectContaining({ code: 'SIGNATURE_INVALID' });

describe('a signature', () => {
  test('is the one of the documentation', () => {
    expect(signatureOf(secret, body)).toBe(good);
  });

  test.each([[good], [good.toUpperCase()], [`${good} `]])('%j is accepted', (header) => {
    authenticate(signed, { ...open, headers: { 'x-hub-signature': header } });
  });

  test.each([
    ['none', undefined],
    ['two', [good, good]],
    ['an empty one', ''],
    ['another method', good.replace('sha256', 'sha1')],
    ['no method', good.slice(7)],
    ['too few digits', good.slice(0, -2)],
    ['no digits', 'sha256='],
    ['a wrong one', good.replace('a477', 'b477')],
    ['of another body', signatureOf(secret, bytes('Hello World'))],
    ['of another secret', signatureOf('x', body)],
  ])('that is %s is refused', (_, header) => {
    const proof = { ...open, headers: { 'x-hub-signature': header } };
    expect(() => authenticate(signed, proof)).toThrow(refused);
  });

  test('is over the bytes: the same JSON in other words does not pass', () => {
    const headers = { 'x-hub-signature': signatureOf(secret, bytes('{"a":1}')) };
    expect(() => authenticate(signed, { ...open, headers, body: bytes('{ "a": 1 }') })).toThrow(
      refused,
    );
  });
});

describe('a token', () => {
  const tokened: Connection = { ...jira, token: 'correct horse' };

  test('is accepted in the query and in the path', () => {
    authenticate(tokened, { ...open, query: { token: 'correct horse' } });
    authenticate(tokened, { ...open, tokenFromPath: 'correct horse' });
  });

  test.each([[{}], [{ token: '' }], [{ token: 'correct' }], [{ token: ['correct horse', 'x'] }]])(
    'as in %j is refused',
    (query) => {
      expect(() => authenticate(tokened, { ...open, query })).toThrow(refused);
    },
  );

  test('does not stand in for a signature that is there and wrong', () => {
    const both = { ...signed, token: 'correct horse' };
    const query = { token: 'correct horse' };
    authenticate(both, { ...open, query });
    authenticate(both, { ...open, headers: { 'x-hub-signature': good } });
    const headers = { 'x-hub-signature': 'sha256=00' };
    expect(() => authenticate(both, { ...open, query, headers })).toThrow(refused);
  });

  test('is no use where a secret alone is configured', () => {
    for (const token of [secret, '', undefined]) {
      expect(() => authenticate(signed, { ...open, query: { token } })).toThrow(refused);
    }
  });
});

test('a connection without secret and token asks for nothing', () => {
  authenticate(jira, open);
});

test('a refusal tells nothing of the secret', () => {
  const proof = { ...open, headers: { 'x-hub-signature': 'sha256=00' } };
  try {
    authenticate(signed, proof);
    expect.unreachable();
  } catch (thrown) {
    expect(JSON.stringify(thrown) + String(thrown)).not.toContain(secret);
  }
});
