/** Reads through the cache of a true node, asked as its users ask. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createEntity, updateEntity } from '#test/messages';
import { type Served, serveNode } from '#test/served';
import { until } from '#test/until';

let served: Served;
beforeAll(async () => {
  served = await serveNode();
});
afterAll(() => served.close());

it('shows every change as soon as the graph says that it has no lag', async () => {
  const entity = () => served.ask('/entities/one', { tenant: 'acme' });
  const hasNoLag = async () => {
    const { items } = (await served.ask('/projections')).body;
    return items.some(
      (one: { name: string; lag: number }) => one.name === 'graph' && one.lag === 0,
    );
  };
  await served.ask('/commands', { body: createEntity({ id: 'one', properties: { n: 0 } }) });
  for (let n = 1; n <= 40; n++) {
    await served.ask('/commands', { body: updateEntity({ id: 'one', at: n, properties: { n } }) });
    await until('the graph has no lag', hasNoLag);
    expect((await entity()).body.properties).toEqual({ n });
    await entity();
  }
});
