import { describe, expect, test } from 'vitest';
import { defaultConnections, isSigned, parseConnections } from '#adapters/atlassian';
import { RuntimeError } from '#runtime';

const entry = { system: 'jira', tenantId: 'acme', site: 'acme.atlassian.net', secret: 's3cret' };

function mistakesOf(json: unknown): readonly string[] {
  try {
    parseConnections(json);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(RuntimeError);
    expect((thrown as RuntimeError).code).toBe('CONFIG_INVALID');
    return (thrown as RuntimeError).data.mistakes as string[];
  }
  return [];
}

describe('the connections file', () => {
  test('gives connections by id, the site as a host in lower case', () => {
    const connections = parseConnections({
      cloud: { ...entry, site: 'https://Acme.atlassian.net/wiki' },
      server: { ...entry, site: 'jira.acme.example:8443' },
    });
    expect(connections.get('cloud')).toEqual({ id: 'cloud', ...entry });
    expect(connections.get('server')?.site).toBe('jira.acme.example:8443');
  });

  test('reports all mistakes of all connections at once', () => {
    const mistakes = mistakesOf({
      'bad id': entry,
      a: { ...entry, system: 'trello', tenantId: '' },
      b: { ...entry, secret: '' },
      c: { ...entry, secert: 'typo' },
      d: { ...entry, site: 'acme.net/wiki' },
      e: { ...entry, credentials: { baseUrl: 'ftp://x', email: 'a@b.c' } },
      f: { ...entry, linkTypes: { Needs: { relationship: 'DEPENDS_ON' } } },
      g: 'nothing',
      h: { tenantId: 'acme', site: 'x' },
    });
    for (const id of ['bad id', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
      const about = mistakes.filter((text) => text.startsWith(`connection "${id}"`));
      expect(about, `connection ${id}`).not.toEqual([]);
    }
    expect(mistakes.join()).toContain('"secert"');
    expect(mistakes.join()).toContain('need email and apiToken');
    expect(mistakes.join()).toContain('"dependent"');
  });

  test('never repeats a secret', () => {
    const secret = 'hunter2-hunter2';
    const mistakes = mistakesOf({
      a: { ...entry, secret, token: { secret }, credentials: { baseUrl: 'x', apiToken: secret } },
      b: { ...entry, system: secret },
    });
    expect(mistakes.length).toBeGreaterThan(1);
    const site = mistakesOf({ c: { ...entry, site: `https://user:${secret}@acme.net` } });
    expect(site).toEqual(['connection "c": /site is no host and no http(s) URL']);
    expect(mistakes.join('\n')).not.toContain(secret);
  });

  test.each([[null], [[]], ['x'], [{}]])('refuses %j, which holds no connection', (json) => {
    expect(mistakesOf(json)).toHaveLength(1);
  });

  test('is not needed for the two unsigned connections of a server on loopback', () => {
    const connections = [...defaultConnections().values()];
    expect(connections.map(({ id }) => id)).toEqual(['jira', 'confluence']);
    expect(connections.some(isSigned)).toBe(false);
  });

  test.each([
    [{ secret: 'x' }, true],
    [{ token: 'x' }, true],
    [{}, false],
  ])('with %j is signed: %s', (proof, signed) => {
    const { secret: _, ...open } = entry;
    const connections = parseConnections({ a: { ...open, ...proof } });
    expect(isSigned(connections.get('a')!)).toBe(signed);
  });
});
