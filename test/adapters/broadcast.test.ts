import { MemoryBroadcast } from '#adapters/memory';
import { Recorder } from '#test/telemetry';
import { broadcastTestLimits, describeBroadcast } from '../contracts/broadcast.ts';

describeBroadcast('broadcast in memory', async () => {
  const telemetry = new Recorder();
  const broadcast = new MemoryBroadcast({ telemetry, limits: broadcastTestLimits });
  return { nodes: [broadcast, broadcast], telemetry, dispose: () => broadcast.close() };
});
