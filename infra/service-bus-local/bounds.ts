/**
 * Every bound of the local broker, with its unit and what happens at it. Azure's own quotas where it
 * has one (standard tier), so that what fails there fails here, and with the same error.
 */
const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

export const brokerBounds = {
  /** One message or one batch on the wire. Above: MessageSizeExceeded. */
  messageBytesMax: 256 * kibibyte,
  /** One request to `$management` or `$cbs`. Above: it is rejected with MessageSizeExceeded. */
  requestBytesMax: 1024 * kibibyte,
  /** What one queue or subscription keeps, its dead letters, schedule and session states included.
   *  At it: QuotaExceeded. */
  entityBytesMax: 1024 * mebibyte,
  /** Counted for each stored message on top of its bytes: its row and what we remember of it. */
  messageOverheadBytes: 256,
  /** Bodies kept in memory, so that what is delivered soon is not read back. At it: it is read back. */
  cachedBytesMax: 64 * mebibyte,
  /** What a queue hands out within a turn. At it: the rest is for the next, after this was written. */
  handedBytesMax: 8 * mebibyte,
  /** Messages of one queue that expire, lose their lock or arrive in one turn. At it: the rest is for
   *  the next turn. */
  dueMax: 250,
  /** What properties that are changed on the way may make of a message, beyond what it may be when it
   *  is sent. Above: the settlement is refused with MessageSizeExceeded. */
  alteredBytesMax: 64 * kibibyte,
  /** What waits in a connection for a client that reads slowly. At it: it gets nothing more until it
   *  has read some. */
  unsentBytesMax: 16 * mebibyte,
  /** Queues, topics and subscriptions together. Above: CONFIG_INVALID. */
  entitiesMax: 1_000,
  /** Connections at a time. Above: the newest is closed with QuotaExceeded. */
  connectionsMax: 1_000,
  /** AMQP sessions of one connection; the client opens one for each link. Above: the session ends
   *  with QuotaExceeded. */
  channelsMax: 2_000,
  /** Links of one connection. Above: QuotaExceeded. */
  linksMax: 4_000,
  /** Unsettled transfers of one AMQP session in each direction; the client's own number. At it: the
   *  window is closed and the sender waits. */
  windowTransfersMax: 2_048,
  /** Credit that a sending client always has. Each of its messages is answered within a turn. */
  senderCredit: 1_000,
  /** One AMQP frame; Azure's number. Larger ones end the connection. */
  frameBytesMax: 64 * kibibyte,
  /** Silence after which a client counts as gone, twice over. */
  idleMs: 60_000,
  /** Message ids that one duplicate detection remembers, 100 B each. At it: ServiceBusy, until the
   *  oldest leave the window. */
  duplicatesMax: 1_000_000,
  /** Messages in one answer to a peek or a receive-deferred, and their bytes (one is always given). */
  answerMessagesMax: 250,
  answerBytesMax: 1024 * kibibyte,
  /** Characters of a session id and a message id. Above: the message is refused. */
  idCharsMax: 128,
  /** Rules of one subscription; characters of an expression. Above: the rule is refused. */
  rulesMax: 100,
  ruleNameCharsMax: 50,
  expressionCharsMax: 1_024,
  /** Longest wait of a client for the next free session, whatever it asks for. Above: ServiceTimeout. */
  sessionWaitMsMax: 65_000,
} as const;

export type BrokerBounds = Readonly<Record<keyof typeof brokerBounds, number>>;
