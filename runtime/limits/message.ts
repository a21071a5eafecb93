/** What a message, an event and their ids may measure. */
export const messageLimits = {
  /** A command or webhook body. Largest captured webhook: 47 KB; issues with a long changelog pass
   *  300 KB; Atlassian sends up to 25 MB. Above: MESSAGE_TOO_LARGE, HTTP 413. */
  messageBytesMax: 8 * 1024 * 1024,
  /** One event's data and metadata as JSON. KurrentDB's default append limit is 1 MiB a batch of
   *  its own framing; we allow 1 MiB of data and some metadata. Above: EVENT_TOO_LARGE. */
  eventBytesMax: 1024 * 1024 + 64 * 1024,
  /** Nesting of a JSON body. V8 recurses in JSON.parse and we recurse in checks; 64 is far above any
   *  ADF page seen (20). Above: MESSAGE_INVALID. */
  jsonDepthMax: 64,
  /** Ids of entities, relationships and messages, in UTF-16 units. An index row of PostgreSQL holds
   *  2,704 bytes; tenant and one id of 4-byte characters must fit: 64 + 512 × 4 = 2,112. */
  idCharsMax: 512,
  tenantCharsMax: 64,
  /** Properties of one actor, so that a turn stays short. Above: STATE_TOO_LARGE. */
  propertiesMax: 256,
  /** Ends of which a relationship remembers whether they exist. It has two; the rest are those it had
   *  before it was retargeted, or may get. At it: one that is no end is forgotten. */
  endsRememberedMax: 64,
  /** One message's share of text after extraction; the rest is cut and marked. 256 Ki UTF-16 units
   *  stay below eventBytesMax for any script (3 bytes a unit at most) and below PostgreSQL's 1 MiB
   *  tsvector. */
  textCharsMax: 256 * 1024,
} as const;
