/**
 * The socket: takes connections, keeps them within bounds, and ends those that don't speak AMQP.
 *
 * What a connection writes within a turn goes out together, since rhea writes frame by frame.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { RuntimeError } from '#runtime';
import { conditions, Refusal } from '../core/refusal.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { Client } from './client.ts';
import { accept, errorOf, forget } from './rhea.ts';

export interface Listener {
  readonly port: number;
  /** Ends all connections. */
  close(): Promise<void>;
}

export interface ListenerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly exchange: Exchange;
  readonly report: (trouble: unknown) => void;
}

/** Throws CONFIG_INVALID where it can't listen there. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const { exchange, host, port } = options;
  const { bounds } = exchange;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    serve(socket, options, sockets.size > bounds.connectionsMax);
  });
  await listening(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function listening(server: Server, host: string, port: number): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (cause) {
    const text = `the local broker can't listen on ${host}:${port}: ${(cause as Error).message}`;
    throw new RuntimeError('CONFIG_INVALID', text, { cause });
  }
}

function serve(socket: Socket, { exchange, report }: ListenerOptions, isTooMany: boolean): void {
  writeTogether(socket);
  const { bounds } = exchange;
  const connection = accept('cognisync-service-bus', socket, {
    max_frame_size: bounds.frameBytesMax,
    idle_time_out: bounds.idleMs,
    channel_max: Math.min(bounds.channelsMax, 65_535),
    session_buffer_size: bounds.windowTransfersMax,
    reconnect: false,
    tcp_no_delay: true,
    receiver_options: { autoaccept: false, credit_window: bounds.senderCredit },
    sender_options: { treat_modified_as_released: false },
  });
  const client = new Client(exchange, connection);
  socket.on('drain', () => client.resume());
  socket.once('close', () => {
    client.close();
    forget(connection);
  });
  // After rhea's own listener: what it waits for is in memory until the frame is whole.
  socket.on('data', () => {
    const { frame_size } = connection as unknown as { readonly frame_size?: number };
    if (frame_size !== undefined && frame_size > bounds.frameBytesMax) socket.destroy();
  });
  // Bytes that are no AMQP, and a client that just went, are its own affair. Anything else is ours.
  connection.on('protocol_error', () => socket.destroy());
  connection.on('error', (error: unknown) => {
    socket.destroy();
    if (!isFromWire(error)) report(error);
  });
  for (const event of endings) connection.on(event, () => undefined);
  if (isTooMany) {
    connection.on('connection_open', () => {
      const text = 'The local broker has too many connections.';
      connection.close(errorOf(new Refusal(conditions.full, text)));
    });
  }
}

/** rhea wants somebody to listen to these; what follows from them is done where the socket closes. */
const endings = [
  'disconnected',
  'connection_close',
  'connection_error',
  'session_error',
  'sender_error',
  'receiver_error',
];

/** Whether rhea stumbled over bytes, and not we over our own feet. */
function isFromWire(error: unknown): boolean {
  const frames = error instanceof Error ? (error.stack ?? '').split('\n').slice(1) : [];
  const origin = frames.find((frame) => !frame.includes('node:')) ?? '';
  return /[\\/]rhea[\\/]lib[\\/]/.test(origin);
}

function writeTogether(socket: Socket): void {
  const write = socket.write.bind(socket);
  socket.write = ((...parts: Parameters<typeof write>) => {
    if (socket.writableCorked === 0) {
      socket.cork();
      setImmediate(() => socket.uncork());
    }
    return write(...parts);
  }) as typeof socket.write;
}
