/** Counting what a namespace holds, by a server that answers as Azure's management interface does. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authority, certificate, key } from '#test/kurrentdb-certificate';
import { Counts } from '../../adapters/service-bus/counts.ts';
import { entitiesOf } from '../../adapters/service-bus/entities.ts';

let server: Server;
let status = 200;
const asked: string[] = [];

/** One subscription, with what is counted of it. */
const entry = (name: string, active: number, dead: number) => `<?xml version="1.0"?>
<entry xmlns="http://www.w3.org/2005/Atom">
<id>https://localhost/topic/Subscriptions/${name}</id><title type="text">${name}</title>
<content type="application/xml"><SubscriptionDescription
  xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"
  xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><MessageCount>${active + dead}</MessageCount>
<CountDetails xmlns:d2p1="http://schemas.microsoft.com/netservices/2011/06/servicebus">
<d2p1:ActiveMessageCount>${active}</d2p1:ActiveMessageCount>
<d2p1:DeadLetterMessageCount>${dead}</d2p1:DeadLetterMessageCount>
<d2p1:ScheduledMessageCount>0</d2p1:ScheduledMessageCount>
<d2p1:TransferMessageCount>0</d2p1:TransferMessageCount>
<d2p1:TransferDeadLetterMessageCount>0</d2p1:TransferDeadLetterMessageCount>
</CountDetails><CreatedAt>2026-11-01T00:00:00Z</CreatedAt><UpdatedAt>2026-11-01T00:00:00Z</UpdatedAt>
<AccessedAt>2026-11-01T00:00:00Z</AccessedAt></SubscriptionDescription></content></entry>`;

beforeAll(async () => {
  server = createServer({ cert: certificate, key }, ({ url = '' }, response) => {
    const [path = ''] = url.split('?');
    asked.push(path);
    const isIntake = path.toLowerCase().endsWith('-intake');
    response.writeHead(status, { 'content-type': 'application/atom+xml' });
    const body = isIntake ? entry('graph-intake', 3, 1) : entry('graph', 40, 2);
    response.end(status === 200 ? body : '');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.close();
});

function counts(more = ''): Counts {
  const { port } = server.address() as AddressInfo;
  const connectionString = `Endpoint=sb://localhost:${port};SharedAccessKeyName=k;SharedAccessKey=x;${more}`;
  const tlsOptions = { ca: authority };
  return new Counts({ connectionString }, entitiesOf('topic', 'graph'), { tlsOptions });
}

const untold = { all: null, deadLetters: null };

describe('the counts of a namespace', () => {
  it('are those of both subscriptions', async () => {
    expect(await counts().read(5_000)).toEqual({ all: 43, deadLetters: 3 });
    expect(asked.toSorted()).toEqual([
      '/topic/Subscriptions/graph',
      '/topic/Subscriptions/graph-intake',
    ]);
  });

  it('are untold without the rights to look, or where nobody answers', async () => {
    status = 401;
    expect(await counts().read(5_000)).toEqual(untold);
    status = 500;
    expect(await counts().read(5_000)).toEqual(untold);
  });

  it('are not asked for where there is only a local broker', async () => {
    status = 200;
    asked.length = 0;
    expect(await counts('UseDevelopmentEmulator=true').read(5_000)).toEqual(untold);
    expect(asked).toEqual([]);
  });
});
