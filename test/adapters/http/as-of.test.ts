/** ?asOf= over HTTP: the past of a true node, as it is documented. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createEntity,
  deleteEntity,
  linkEntities,
  unlinkEntities,
  updateEntity,
} from '#test/messages';
import { documentedBy } from '#test/openapi';
import { type Answered, type Served, serveNode, settled } from '#test/served';

let served: Served;
let faultsOf: (route: string, answer: Answered) => readonly string[];
const ask = (path: string) => served.ask(path, { tenant: 'acme' });
const routes = ['', '/neighbours', '/neighbourhood'];

async function tell(...messages: readonly object[]): Promise<void> {
  for (const body of messages)
    expect(await served.ask('/commands', { body })).toMatchObject({ status: 202 });
  await settled(served.url);
}

beforeAll(async () => {
  served = await serveNode();
  faultsOf = await documentedBy(served.url);
  const ends = { id: 'link', from: 'issue', to: 'page' };
  await tell(
    createEntity({ id: 'issue', properties: { title: 'First' }, at: 0 }),
    createEntity({ id: 'page', at: 0 }),
    linkEntities({ ...ends, at: 0 }),
  );
  await tell(updateEntity({ id: 'issue', properties: { title: 'Second' }, at: 1 }));
  await tell(unlinkEntities({ id: 'link', at: 2 }));
  await tell(deleteEntity({ id: 'page', at: 3 }));
});

afterAll(() => served.close());

describe('?asOf=', () => {
  it.each(routes)('answers as it is documented: /entities/{id}%s', async (route) => {
    const { position } = (await ask('/entities/issue?asOf=revision:1')).body;
    for (const asOf of ['revision:1', `position:${position}`]) {
      const answer = await ask(`/entities/issue${route}?asOf=${asOf}`);
      expect(answer).toMatchObject({ status: 200, body: { asOf: { position } } });
      expect(faultsOf(`GET /entities/{id}${route}`, answer)).toEqual([]);
    }
  });

  it('shows what was there then and is gone now', async () => {
    const { body: before } = await ask('/entities/issue?asOf=revision:0');
    expect(before).toMatchObject({ properties: { title: 'First' }, asOf: { revision: 0 } });
    const { body: linked } = await ask('/entities/issue/neighbours?asOf=revision:1');
    expect(linked.items).toMatchObject([{ direction: 'out', entity: { id: 'page' } }]);
    const { body: around } = await ask('/entities/page/neighbourhood?asOf=revision:0&depth=2');
    expect(around.nodes).toMatchObject([{ entity: { id: 'page' } }]);
    expect((await ask('/entities/issue/neighbours')).body.items).toEqual([]);
    expect(await ask('/entities/page')).toMatchObject({ status: 404 });
  });

  it.each(routes)('is now’s answer at the end of the log: /entities/issue%s', async (route) => {
    const head = await served.node.log.head();
    const { body } = await ask(`/entities/issue${route}?asOf=position:${head}`);
    const { asOf, ...answer } = body;
    expect(asOf).toEqual({ position: head });
    expect(answer).toEqual((await ask(`/entities/issue${route}`)).body);
  });

  it('takes a time, and says of a later question that it asked of the same place', async () => {
    const [, second] = (await ask('/entities/issue/history')).body.items;
    const time = second.metadata.recordedAt;
    const { body } = await ask(`/entities/issue?asOf=${time}`);
    expect(body).toMatchObject({ properties: { title: 'Second' }, asOf: { time } });
    const same = await ask(
      `/entities/issue?asOf=${encodeURIComponent(time.replace('Z', '+00:00'))}`,
    );
    expect(same.body).toEqual(body);
  });

  it.each([
    ['REQUEST_INVALID', '/entities/issue?asOf='],
    ['REQUEST_INVALID', '/entities/issue?asOf=yesterday'],
    ['REQUEST_INVALID', '/entities/issue?asOf=2026-01-01T00:00:00+01:00'],
    ['REQUEST_INVALID', '/entities/issue?asOf=2999-01-01T00:00:00Z'],
    ['REQUEST_INVALID', '/entities/issue?asOf=position:999999'],
    ['REQUEST_INVALID', '/entities/issue?asOf=revision:99'],
    ['REQUEST_INVALID', '/entities/issue/neighbours?asOf=position:1&cursor=bm9uc2Vuc2U'],
    ['REQUEST_INVALID', '/entities/issue/neighbours?asOf=position:1&asOf=position:2'],
    ['REQUEST_INVALID', '/entities?asOf=position:1'],
    ['NOT_FOUND', '/entities/nobody?asOf=position:1'],
    ['NOT_FOUND', '/entities/nobody/neighbours?asOf=revision:0'],
    ['NOT_FOUND', '/entities/page/neighbourhood?asOf=position:1'],
  ])('is refused with %s: %s', async (code, path) => {
    expect((await ask(path)).body).toMatchObject({ code });
  });

  it('says from when to when what is gone was there', async () => {
    const head = await served.node.log.head();
    const { body } = await ask(`/entities/page?asOf=position:${head}`);
    expect(body.detail).toMatch(
      /^there was no entity 'page' at position \d+; it existed from .* to /,
    );
    expect(body.data).toMatchObject({ id: 'page', existed: [{ from: {}, to: {} }] });
  });
});
