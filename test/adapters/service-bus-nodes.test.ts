/** Several nodes on one topic of the local broker, each on a wire of its own that can freeze and break. */
import { openTestBroker } from '#test/service-bus';
import { describeBusNodes } from '../contracts/bus-nodes.ts';

const lockSeconds = 2;

describeBusNodes('nodes on Service Bus', async () => {
  const broker = await openTestBroker({ lockSeconds });
  return {
    open: () => broker.open(),
    lockMs: lockSeconds * 1_000,
    dispose: () => broker.close(),
  };
});
