/**
 * A server that speaks AMQP well enough to be asked, and then does what no broker should: the test says
 * what it does with each message that is sent to it.
 */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import rhea, { type Connection, type Delivery, type EventContext, type Sender } from 'rhea';

export interface Sent {
  readonly delivery: Delivery;
  /** Closes the link that it came on, with an error of this condition. */
  closeLink(condition: string): void;
  /** Breaks the connection. */
  hangUp(): void;
}

export interface RudeBroker {
  readonly connectionString: string;
  /** How many clients that show their token it hangs up on. */
  hangUpsAtToken: number;
  /** What it does with what is sent to an entity; by default nothing, for ever. */
  onSent: (sent: Sent) => void;
  close(): Promise<void>;
}

export async function openRudeBroker(): Promise<RudeBroker> {
  const container = rhea.create_container();
  const replies = new Map<string, Sender>();
  const sockets = new Set<Socket>();
  const server = container.listen({
    port: 0,
    host: '127.0.0.1',
    max_frame_size: 65_536,
    receiver_options: { autoaccept: false, credit_window: 100, max_message_size: 262_144 },
  });
  await once(server, 'listening');
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const { port } = server.address() as AddressInfo;
  const rude: RudeBroker = {
    connectionString: `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=k;SharedAccessKey=x;UseDevelopmentEmulator=true;`,
    hangUpsAtToken: 0,
    onSent: () => undefined,
    close: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  container.on('sender_open', ({ sender }: EventContext) => {
    sender!.set_source(sender!.source);
    sender!.set_target(sender!.target);
    replies.set(sender!.name, sender!);
  });
  container.on('receiver_open', ({ receiver }: EventContext) =>
    receiver!.set_target(receiver!.target),
  );
  container.on('message', ({ connection, delivery, message, receiver }: EventContext) => {
    if (receiver?.target?.address === '$cbs') {
      if (rude.hangUpsAtToken-- > 0) return breakOf(connection);
      delivery!.accept();
      replies.get(String(message?.reply_to))?.send({
        correlation_id: message?.message_id,
        application_properties: { 'status-code': 202, 'status-description': 'Accepted' },
        body: null,
      } as never);
      return;
    }
    rude.onSent({
      delivery: delivery!,
      closeLink: (condition) => receiver!.close({ condition, description: 'for the test' }),
      hangUp: () => breakOf(connection),
    });
  });
  // A client that goes is its own affair.
  for (const event of ['disconnected', 'connection_error', 'error', 'receiver_error']) {
    container.on(event, () => undefined);
  }
  return rude;
}

function breakOf(connection: Connection): void {
  (connection as unknown as { readonly socket: Socket }).socket.destroy();
}
