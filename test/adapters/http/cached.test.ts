/** Reads through the cache of a true node. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createEntity, updateEntity } from '#test/messages';
import { type Served, serveNode } from '#test/served';
import { until } from '#test/until';

let served: Served;
beforeAll(async () => {
  served = await serveNode();
});
afterAll(() => served.close());

it('shows every change from the moment that the graph has it, though the feed has yet to tell', async () => {
  const { cached, feed, log, runtime } = served.node;
  const { progress } = runtime.projector('graph');
  const { signal } = new AbortController();
  await served.ask('/commands', { body: createEntity({ id: 'one', properties: { n: 0 } }) });
  for (let n = 1; n <= 40; n++) {
    // Asked before the feed asks, so that it is told before the feed is.
    const there = progress.reached((await log.head()) + 1, signal);
    const command = updateEntity({ id: 'one', at: n, properties: { n } });
    const [answer] = await Promise.all([
      there.then(() => cached.entity('acme', 'one')),
      served.ask('/commands', { body: command }),
    ]);
    expect(answer.properties).toEqual({ n });
    // Once the feed has told, a read fills the cache for the next round.
    await until('the feed has told', () => feed.position >= progress.position);
    expect((await cached.entity('acme', 'one')).properties).toEqual({ n });
  }
});
