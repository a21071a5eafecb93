/** Reads through the cache of a true node. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createEntity, updateEntity } from '#test/messages';
import { type Served, serveNode } from '#test/served';

let served: Served;
beforeAll(async () => {
  served = await serveNode();
});
afterAll(() => served.close());

it('shows every change from the moment that the graph has it, though the feed has yet to tell', async () => {
  const { cached, log, runtime } = served.node;
  const { progress } = runtime.projector('graph');
  const { signal } = new AbortController();
  await served.ask('/commands', { body: createEntity({ id: 'one', properties: { n: 0 } }) });
  for (let n = 1; n <= 40; n++) {
    await served.ask('/commands', { body: updateEntity({ id: 'one', at: n, properties: { n } }) });
    await progress.reached(await log.head(), signal);
    // The first fills the cache for the next round.
    for (let reads = 0; reads < 2; reads++) {
      expect((await cached.entity('acme', 'one')).properties).toEqual({ n });
    }
    await served.ask('/entities/one', { tenant: 'acme' });
  }
});
