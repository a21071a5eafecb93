import { MemoryCache } from '#adapters/memory';
import { systemClock } from '#adapters/system';
import { Recorder } from '#test/telemetry';
import { cacheTestLimits, describeCache } from '../contracts/cache.ts';

describeCache('the cache in memory', async () => {
  const cache = new MemoryCache({
    clock: systemClock,
    telemetry: new Recorder(),
    limits: cacheTestLimits,
  });
  return { nodes: [cache, cache], dispose: () => cache.close() };
});
