import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publicContracts } from '#actors';
import { notificationSchemas } from '#projections';
import { errorCatalogue } from '#runtime';
import { type Shell, serveShell } from '#test/served';

let shell: Shell;
beforeAll(async () => {
  shell = await serveShell();
});
afterAll(() => shell.server.close());

describe('the documentation', () => {
  it('has every message contract, every error code and every route', async () => {
    const { body } = await shell.ask('/docs/json');
    const messages = { ...publicContracts, ...notificationSchemas };
    expect(Object.keys(body.components.schemas)).toEqual(Object.keys(messages));
    for (const code of Object.keys(errorCatalogue)) {
      expect(body.info.description).toContain(`| \`${code}\` |`);
    }
    expect(Object.keys(body.paths).sort()).toEqual([
      '/commands',
      '/connections',
      '/dead-letters',
      '/dead-letters/purge',
      '/dead-letters/redrive',
      '/dead-letters/{id}',
      '/entities',
      '/entities/{id}',
      '/entities/{id}/history',
      '/entities/{id}/neighbourhood',
      '/entities/{id}/neighbours',
      '/feed',
      '/health',
      '/health/live',
      '/health/ready',
      '/log-level',
      '/mcp',
      '/paths',
      '/projections',
      '/projections/rebuild',
      '/projections/switch',
      '/projections/{name}/rebuild',
      '/projections/{name}/switch',
      '/projections/{name}/verify',
      '/provenance/{chunkId}',
      '/query',
      '/search',
      '/webhooks/{connectionId}',
      '/webhooks/{connectionId}/{event}',
      '/webhooks/{connectionId}/{event}/{token}',
    ]);
  });

  it('is a page', async () => {
    const answer = await shell.ask('/docs');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('text/html');
  });
});
