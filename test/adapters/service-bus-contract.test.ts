/** The suite of `Bus`, over real AMQP against the local broker. */
import { openTestBroker } from '#test/service-bus';
import { describeBus } from '../contracts/bus.ts';

describeBus('the bus on Service Bus, held to its port', async () => {
  const broker = await openTestBroker();
  return { open: () => broker.open(), dispose: () => broker.close() };
});
