import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RuntimeError } from '#runtime';
import { commandOf, overStdio } from '#test/mcp-client';
import { partOf, type Shell, serveShell } from '#test/served';

/** A node that knows one entity of each tenant. */
const knowledge = partOf({
  cached: {
    entity: async (tenantId: string, id: string) => {
      if (id === 'issue-1') return issueOf(tenantId);
      throw new RuntimeError('NOT_FOUND', `no entity '${id}'`);
    },
  } as never,
});

const issueOf = (tenantId: string) => ({
  id: 'issue-1',
  type: 'ISSUE',
  properties: { title: `Secret of ${tenantId}` },
  source: { url: '' },
});

let served: Shell;
beforeAll(async () => {
  served = await serveShell();
  served.server.gate.open(knowledge);
});
afterAll(() => served.server.close());

const request = (id: number, method: string, params: object = {}) =>
  JSON.stringify({ jsonrpc: '2.0', id, method, params });

/** Speaks lines to the command until it ends: what it said on stdout, line by line, and on stderr. */
async function spoken(lines: readonly string[], ...args: readonly string[]) {
  const { command, args: all } = commandOf(args);
  const child = spawn(command, all, { stdio: 'pipe' });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output.stderr += text;
  });
  // It may have ended before it heard all.
  child.stdin.on('error', () => undefined);
  child.stdin.end(lines.map((line) => `${line}\n`).join(''));
  const [code] = await once(child, 'close');
  const answers = output.stdout.split('\n').filter((line) => line !== '');
  return { code, stderr: output.stderr, answers: answers.map((line) => JSON.parse(line)) };
}

describe('cognisync mcp', () => {
  it('is the node’s tools over stdio, for one tenant', async () => {
    const { client, call } = await overStdio('--url', served.url, '--tenant', 'acme');
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('neighbours');
    expect(client.getServerVersion()).toMatchObject({ name: 'cognisync', version: '0.0.0-test' });
    const told = await Promise.all(
      Array.from({ length: 200 }, () => call('entity', { id: 'issue-1' })),
    );
    for (const { text } of told) expect(text).toContain('Secret of acme');
    expect(await call('entity', { id: 'issue-1', tenantId: 'other' })).toMatchObject({
      isError: true,
      structured: { code: 'REQUEST_INVALID' },
    });
    await client.close();
  });

  it('says nothing but the protocol on stdout, and ends with stdin when all is answered', async () => {
    const lines = [
      'hello',
      request(1, 'ping'),
      JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }),
      '{"jsonrpc":"2.0","id":2}',
      request(3, 'tools/call', { name: 'entity', arguments: { id: 'nobody' } }),
      request(4, 'paint'),
    ];
    const { answers, code, stderr } = await spoken(lines, '--url', served.url);
    expect(answers.toSorted((a, b) => a.id - b.id)).toMatchObject([
      { id: 1, result: {} },
      { id: 3, result: { isError: true, structuredContent: { code: 'NOT_FOUND' } } },
      { id: 4, error: { code: -32601 } },
    ]);
    expect(stderr.match(/not understood/g)).toHaveLength(2);
    expect(code).toBe(0);
  });

  it('answers for a node that is away, and serves again when it is back', async () => {
    const first = await serveShell();
    const { port } = new URL(first.url);
    first.server.gate.open(knowledge);
    const { client, call } = await overStdio('--url', first.url);
    await first.server.close();
    await expect(call('entity', { id: 'issue-1' })).rejects.toMatchObject({
      message: expect.stringContaining('Start one with `cognisync start`'),
      data: { hint: expect.any(String) },
    });
    const second = await serveShell({}, Number(port));
    await expect(call('entity', { id: 'issue-1' })).rejects.toMatchObject({
      data: { code: 'NOT_READY' },
    });
    second.server.gate.open(knowledge);
    expect((await call('entity', { id: 'issue-1' })).text).toContain(
      'ISSUE Secret of default [issue-1]',
    );
    await client.close();
    await second.server.close();
  });

  it.each([
    ['a page', 'text/html', '<h1>It works!</h1>'],
    ['other JSON', 'application/json', '{"works":true}'],
  ])('answers for another program on that port: %s', async (_, type, body) => {
    const stranger = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': type }).end(body);
    }).listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
    const { answers } = await spoken([request(1, 'ping')], '--url', url);
    expect(answers).toMatchObject([{ id: 1, error: { message: expect.stringContaining(url) } }]);
    stranger.close();
  });

  it('complains where it cannot begin', async () => {
    const { code, stderr, answers } = await spoken([], '--url', 'nowhere');
    expect(stderr).toContain('--url nowhere is no URL');
    expect({ code, answers }).toEqual({ code: 1, answers: [] });
  });

  it('passes on why the node refuses a message', async () => {
    const { answers } = await spoken([request(1, 'ping')], '--url', served.url, '--tenant', 'a/b');
    expect(answers).toMatchObject([{ id: 1, error: { data: { code: 'TENANT_INVALID' } } }]);
  });

  it('ends with an error at a message longer than it can take', async () => {
    const { code, stderr, answers } = await spoken(
      ['x'.repeat(11 * 1024 * 1024)],
      '--url',
      served.url,
    );
    expect(stderr).toContain('not understood');
    expect({ code, answers }).toEqual({ code: 1, answers: [] });
  });
});
