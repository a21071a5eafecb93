/**
 * A crowd that follows a feed, in a process of its own: many WebSockets on bare sockets, which look at
 * nothing of a message but when it was sent. A client that does what browsers do would be what is measured.
 *
 *     stdin: nothing      stdout: {"ready":n}, then at the end {"messages":…,"p50":…,"p99":…,"max":…}
 *
 * A notification names one property, `t` and 16 digits: when its command was sent, in µs of the epoch.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const [, , url = '', clients = '1', messages = '1'] = process.argv;
const expected = Number(clients) * Number(messages);

/** Latencies in steps of 0.1 ms; what is above counts as the last. */
const stepUs = 100;
const histogram = new Uint32Array(200_000);
let heard = 0;
let max = 0;
const done = Promise.withResolvers<void>();

const nowUs = () => (performance.timeOrigin + performance.now()) * 1000;

/** `…"changedProperties":["t1764024000000000"]}}` */
const suffixBytes = '"]}}'.length;
const digits = 16;

function hear(bytes: Buffer, end: number): void {
  const from = end - suffixBytes - digits;
  if (bytes[from - 1] !== 0x74) return;
  const sentUs = Number(bytes.toString('latin1', from, from + digits));
  const tookUs = Math.max(0, nowUs() - sentUs);
  max = Math.max(max, tookUs);
  histogram[Math.min(histogram.length - 1, Math.floor(tookUs / stepUs))]! += 1;
  heard += 1;
  if (heard === expected) done.resolve();
}

/** Goes over whole frames; answers what is left. */
function read(bytes: Buffer): Buffer {
  let at = 0;
  while (bytes.length - at >= 2) {
    const short = bytes[at + 1]!;
    const head = short < 126 ? 2 : 4;
    if (bytes.length - at < head) break;
    const length = short < 126 ? short : bytes.readUInt16BE(at + 2);
    const end = at + head + length;
    if (end > bytes.length) break;
    if (bytes[at] === 0x81) hear(bytes, end);
    at = end;
  }
  return bytes.subarray(at);
}

async function join(): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  socket.write(
    `GET /feed?tenant=acme HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: upgrade\r\n` +
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  let rest: Buffer = answer.subarray(answer.indexOf('\r\n\r\n') + 4);
  rest = read(rest);
  socket.on('data', (bytes: Buffer) => {
    rest = read(rest.length === 0 ? bytes : Buffer.concat([rest, bytes]));
  });
  return socket;
}

const percentile = (share: number): number => {
  let left = heard * share;
  const step = histogram.findIndex((count) => {
    left -= count;
    return left <= 0;
  });
  return ((step + 1) * stepUs) / 1000;
};

const sockets: Socket[] = [];
for (let n = 0; n < Number(clients); n++) sockets.push(await join());
console.log(JSON.stringify({ ready: sockets.length }));
await done.promise;
console.log(
  JSON.stringify({ messages: heard, p50: percentile(0.5), p99: percentile(0.99), max: max / 1000 }),
);
for (const socket of sockets) socket.destroy();
