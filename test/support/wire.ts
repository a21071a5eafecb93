/** A TCP way to a server that a test can freeze, cut and mend, as networks do. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Wire {
  readonly port: number;
  /** Nothing passes any more, new connections too, and nobody is told: the peer does not answer. */
  freeze(): void;
  /** Those connections that stand pass nothing any more; new ones pass. */
  stall(): void;
  /** Every connection breaks, and new ones are refused until it is mended. */
  cut(): void;
  /** New connections pass again; frozen ones break. */
  mend(): void;
  close(): Promise<void>;
}

export async function openWire(targetPort: number, targetHost = '127.0.0.1'): Promise<Wire> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let state: 'whole' | 'frozen' | 'cut' = 'whole';
  const mute = new Set<Socket>();
  const breakAll = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
    for (const socket of mute) socket.destroy();
  };
  const server = createServer((near) => {
    if (state === 'cut') return near.destroy();
    if (state === 'frozen') {
      mute.add(near.on('error', () => near.destroy()).on('close', () => mute.delete(near)));
      return;
    }
    const far = connect(targetPort, targetHost);
    const pair = [near, far] as const;
    pairs.add(pair);
    far.on('close', () => pairs.delete(pair));
    for (const [from, to] of [pair, [far, near] as const]) {
      from.setNoDelay(true);
      from.pipe(to);
      const end = () => {
        if (state !== 'frozen') to.destroy();
      };
      // Broken is what this wire is for; the other end hears of it, unless nothing passes.
      from.on('error', end).on('close', end);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stall = () => {
    for (const [near, far] of pairs) {
      near.unpipe(far).pause();
      far.unpipe(near).pause();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    freeze: () => {
      state = 'frozen';
      stall();
    },
    stall,
    cut: () => {
      state = 'cut';
      breakAll();
    },
    mend: () => {
      state = 'whole';
      breakAll();
    },
    close: async () => {
      breakAll();
      server.close();
      await once(server, 'close');
    },
  };
}
