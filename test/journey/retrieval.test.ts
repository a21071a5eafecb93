/** From a webhook to what a language model is given: on each store, by words and by meaning. */
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEntity } from '#test/messages';
import { createDatabase, hasVectors } from '#test/postgres';
import { type RunningNode, startNode } from '#test/process';
import { ask, temporaryFolder } from '#test/served';

const site = 'acme.atlassian.net';
const issueId = (id: string) => `jira:${site}:issue:${id}`;

/** A webhook as Jira Cloud sends it. */
function issueWebhook(webhookEvent: string, id: string, text: string, at: string) {
  return {
    timestamp: Date.parse(at),
    webhookEvent,
    issue: {
      id,
      key: `ACME-${id}`,
      self: `https://${site}/rest/api/2/issue/${id}`,
      fields: {
        summary: `Issue ${id}`,
        description: text,
        created: '2026-11-24T10:00:00.000+0000',
        updated: at,
        issuetype: { name: 'Bug' },
        status: { name: 'Open' },
        project: { id: '1', key: 'ACME', self: `https://${site}/rest/api/2/project/1` },
      },
    },
  };
}

const stores = [
  { name: 'PGlite', make: async () => ({ env: {}, drop: async () => undefined }) },
  ...(hasVectors
    ? [
        {
          name: 'PostgreSQL',
          make: async () => {
            const database = await createDatabase();
            return { env: { DATABASE_URL: database.url }, drop: () => database.drop() };
          },
        },
      ]
    : []),
];

describe.each(stores)('from a webhook to an answer, on $name', ({ make }) => {
  let node: RunningNode;
  let end: () => Promise<void>;
  /** Where the log was after the last write. */
  let position = 0;
  beforeAll(async () => {
    const folder = await temporaryFolder();
    const { env, drop } = await make();
    node = await startNode({ DATA_DIR: folder, ...env });
    end = async () => {
      node.child.kill();
      await node.ended;
      await drop();
      await rm(folder, { recursive: true });
    };
  }, 60_000);
  afterAll(() => end());

  async function send(path: string, body: unknown): Promise<void> {
    const { status, headers } = await ask(node.url, path, { body });
    expect(status).toBe(202);
    position = Number(headers.get('x-log-position'));
  }

  async function found(q: string, mode: string, tenant = 'default'): Promise<readonly string[]> {
    const { body, status } = await ask(node.url, `/search?atLeast=${position}`, {
      body: { q, mode },
      tenant,
    });
    expect({ status, body }).toMatchObject({ status: 200 });
    expect(body.positions.graph).toBeGreaterThanOrEqual(position);
    // Words alone need no index, and don't wait for its model.
    if (mode !== 'words') expect(body.positions.index).toBeGreaterThanOrEqual(position);
    return body.hits.map((one: { entity: { id: string } }) => one.entity.id);
  }

  const modes = ['words', 'vectors', 'hybrid'];

  it('finds a changed text under its new words and not under its old ones, and a deleted one never', async () => {
    const ferry = 'The ferry leaves the harbour without its passengers.';
    const pump = 'A pump in the cellar runs dry and overheats.';
    await send(
      '/webhooks/jira',
      issueWebhook('jira:issue_created', '1', ferry, '2026-11-24T10:00:00.000+0000'),
    );
    await send(
      '/webhooks/jira',
      issueWebhook('jira:issue_created', '2', pump, '2026-11-24T10:00:00.000+0000'),
    );
    for (const mode of modes) {
      expect((await found('ferry without passengers', mode))[0], mode).toBe(issueId('1'));
    }
    const kettle = 'Copper kettles whistle long before the water boils.';
    await send(
      '/webhooks/jira',
      issueWebhook('jira:issue_updated', '1', kettle, '2026-11-24T11:00:00.000+0000'),
    );
    for (const mode of modes) {
      expect((await found('copper kettles whistle', mode))[0], mode).toBe(issueId('1'));
    }
    expect(await found('ferry passengers', 'words')).toEqual([]);
    const { body } = await ask(node.url, `/search?atLeast=${position}`, {
      body: { q: 'ferry without passengers', mode: 'vectors' },
    });
    expect(JSON.stringify(body)).not.toMatch(/ferry|passengers/);

    await send(
      '/webhooks/jira',
      issueWebhook('jira:issue_deleted', '1', kettle, '2026-11-24T12:00:00.000+0000'),
    );
    for (const mode of modes) {
      expect(await found('copper kettles whistle', mode), mode).not.toContain(issueId('1'));
    }
  });

  it('never finds what is another tenant’s', async () => {
    const text = 'Lighthouse keepers polish the great lens.';
    const own = (tenantId: string) =>
      createEntity({
        tenantId,
        id: `${tenantId}-lens`,
        at: 1,
        properties: { title: tenantId, text },
      });
    await send('/commands', own('red'));
    await send('/commands', own('blue'));
    for (const mode of modes) {
      expect(await found('polish the great lens', mode, 'red'), mode).toEqual(['red-lens']);
      expect(await found('polish the great lens', mode, 'green'), mode).toEqual([]);
    }
  });

  it('leads a cited passage back to its event, its message and its delivery', async () => {
    const text = 'Herons nest above the boiler house.';
    await send(
      '/webhooks/jira',
      issueWebhook('jira:issue_created', '7', text, '2026-11-24T10:00:00.000+0000'),
    );
    const { body } = await ask(node.url, `/query?atLeast=${position}`, {
      body: { q: 'where do herons nest' },
    });
    expect(body.context).toContain('Herons nest');
    const cited = body.citations.find(
      (one: { entityId: string; chunkId: string | null }) =>
        one.entityId === issueId('7') && one.chunkId !== null,
    );
    const { body: origin } = await ask(
      node.url,
      `/provenance/${encodeURIComponent(cited.chunkId)}`,
    );
    expect(origin).toMatchObject({ entityId: issueId('7'), event: { type: 'EntityCreated' } });
    expect(origin.messageId).toBe(origin.event.metadata?.messageId ?? origin.messageId);
    expect(origin.webhook).toEqual(expect.any(String));
  });
});
