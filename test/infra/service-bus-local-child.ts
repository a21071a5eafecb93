/** A local broker in a process of its own, for tests that kill it: FILE PORT QUEUE-CONFIG… as JSON. */
import { openBroker } from '../../infra/service-bus-local/broker.ts';
import type { QueueConfig } from '../../infra/service-bus-local/config/broker-config.ts';
import { queue } from '../support/broker.ts';

const [file, port, ...queues] = process.argv.slice(2);
const configs = queues.map((json) => JSON.parse(json) as Partial<QueueConfig> & { name: string });
const broker = await openBroker({
  port: Number(port),
  file,
  config: { queues: configs.map((config) => queue(config.name, config)), topics: [] },
  report: (trouble) => process.stderr.write(`${trouble}\n`),
});
process.stdout.write(`${broker.port} ${broker.connectionString}\n`);
