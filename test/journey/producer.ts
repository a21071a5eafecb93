/**
 * A producer as the specification has it, in a process of its own: no session ids, no shards, plain
 * objects as bodies. Sends each line of a file as one message.
 */
import { readFileSync } from 'node:fs';
import { ServiceBusClient } from '@azure/service-bus';

const [file = ''] = process.argv.slice(2);
const client = new ServiceBusClient(process.env.SERVICE_BUS_CONNECTION_STRING ?? '');
const sender = client.createSender('cognisync-events');
for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
  const body = JSON.parse(line) as { messageId: string };
  await sender.sendMessages({ body, messageId: body.messageId });
}
await sender.close();
await client.close();
process.stdout.write('all sent\n');
