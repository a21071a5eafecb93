/** A client that speaks AMQP without manners: what the Azure client would never send. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import rhea, {
  type Connection,
  type EventContext,
  type Message,
  type Receiver,
  type Sender,
  type Session,
} from 'rhea';

export function tokenFor(audience: string, { key = 'SAS_KEY_VALUE', expiresInS = 3600 } = {}) {
  const resource = encodeURIComponent(audience);
  const expiry = Math.floor(Date.now() / 1000) + expiresInS;
  const signature = createHmac('sha256', key).update(`${resource}\n${expiry}`).digest('base64');
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=k`;
}

export interface Answer {
  readonly status: number;
  readonly condition: string | undefined;
  readonly body: unknown;
}

export class RawClient {
  readonly connection: Connection;
  readonly #requests = new Map<string, Promise<(message: Message) => Promise<Answer>>>();
  #count = 0;

  private constructor(connection: Connection) {
    this.connection = connection;
    for (const event of ['disconnected', 'connection_close', 'connection_error', 'error']) {
      connection.on(event, () => undefined);
    }
  }

  static async connect(port: number): Promise<RawClient> {
    const container = rhea.create_container();
    const options = {
      port,
      host: '127.0.0.1',
      username: 'anonymous',
      reconnect: false,
      tcp_no_delay: true,
    } as const;
    const client = new RawClient(container.connect(options));
    await once(client.connection, 'connection_open');
    return client;
  }

  /** One that has shown a token. */
  static async authorised(port: number, entity: string): Promise<RawClient> {
    const client = await RawClient.connect(port);
    await client.putToken(entity);
    return client;
  }

  putToken(entity: string, token?: string): Promise<Answer> {
    const audience = `sb://127.0.0.1/${entity}`;
    return this.ask('$cbs', {
      body: token ?? tokenFor(audience),
      application_properties: {
        operation: 'put-token',
        name: audience,
        type: 'servicebus.windows.net:sastoken',
      },
    });
  }

  manage(entity: string, operation: string, body: unknown): Promise<Answer> {
    return this.ask(`${entity}/$management`, { body, application_properties: { operation } });
  }

  async ask(address: string, message: Message): Promise<Answer> {
    let asking = this.#requests.get(address);
    if (asking === undefined) {
      asking = this.#openRequests(address);
      this.#requests.set(address, asking);
    }
    return (await asking)(message);
  }

  /** Resolves when the link is open and has credit. */
  async send(address: string, session: Session = this.newSession()): Promise<Sender> {
    const sender = session.open_sender({ target: { address } });
    sender.setMaxListeners(0);
    await once(sender, 'sendable');
    return sender;
  }

  newSession(): Session {
    const { connection } = this as unknown as { connection: { create_session(): Session } };
    const session = connection.create_session();
    session.begin();
    return session;
  }

  /** Opens a link, and tells why it was refused. */
  async refusal(role: 'send' | 'receive', options: object): Promise<string | undefined> {
    const link =
      role === 'send'
        ? this.connection.open_sender(options)
        : this.connection.open_receiver({ credit_window: 0, ...options });
    await once(link, role === 'send' ? 'sender_error' : 'receiver_error');
    return conditionOf(link.error);
  }

  /** Ends it as a crash does: without a word. */
  vanish(): void {
    (this.connection as unknown as { socket: { destroy(): void } }).socket.destroy();
  }

  close(): void {
    this.connection.close();
  }

  async #openRequests(address: string): Promise<(message: Message) => Promise<Answer>> {
    const replyTo = `reply-${address}`;
    const session = this.newSession();
    const receiver: Receiver = session.open_receiver({
      source: { address },
      target: { address: replyTo },
    });
    const waiting = new Map<string, (answer: Answer) => void>();
    receiver.on('message', ({ message }: EventContext) => {
      const { statusCode, errorCondition } = message!.application_properties ?? {};
      const answer = { status: statusCode, condition: errorCondition, body: message!.body };
      waiting.get(message!.correlation_id as string)?.(answer);
    });
    const sender = await this.send(address, session);
    return (message) => {
      this.#count += 1;
      const id = `request-${this.#count}`;
      const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve));
      sender.send({ ...message, message_id: id, reply_to: replyTo });
      return answered;
    };
  }
}

/** How a delivery ended: `accepted`, or the condition of its rejection. */
export async function outcomeOf(sender: Sender, payload: Buffer, format = 0): Promise<string> {
  const delivery = sender.send(payload, undefined, format);
  return new Promise((resolve) => {
    sender.on('accepted', (context: EventContext) => {
      if (context.delivery === delivery) resolve('accepted');
    });
    sender.on('rejected', (context: EventContext) => {
      const { error } = (context.delivery?.remote_state ?? {}) as { error?: unknown };
      if (context.delivery === delivery) resolve(String(conditionOf(error)));
    });
  });
}

function conditionOf(error: unknown): string | undefined {
  return (error as { condition?: string } | undefined)?.condition;
}
