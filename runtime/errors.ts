/**
 * The closed list of errors that this system reports.
 *
 * Every error that leaves a room is a `RuntimeError` with a code from `errorCatalogue`. The code is
 * promised; the message is for people and may change. Each entry answers one question first: may the
 * same request succeed later without anybody changing anything (`retry`), or not (`terminal`)?
 * Adapters turn vendor failures into these at their edge; nothing else may leak.
 */

interface ErrorEntry {
  readonly kind: 'retry' | 'terminal';
  /** HTTP status that an edge answers with (RFC 9110). */
  readonly status: number;
  /** What the reader should do about it. */
  readonly hint: string;
}

const retry = (status: number, hint: string) => ({ kind: 'retry', status, hint }) as const;
const terminal = (status: number, hint: string) => ({ kind: 'terminal', status, hint }) as const;

export const errorCatalogue = {
  // The log and the stores behind it
  LOG_UNAVAILABLE: retry(
    503,
    'The event log did not answer. Nothing was acknowledged; send again.',
  ),
  LOG_FULL: retry(
    507,
    'The disk that holds the event log is full. Free space; nothing acked is lost.',
  ),
  LOG_REFUSED: terminal(
    502,
    'The event log refuses us. Check the connection string and the rights.',
  ),
  CONFLICT_UNRESOLVED: retry(
    503,
    'Another writer kept winning the race for this actor. Send again.',
  ),
  READ_STORE_UNAVAILABLE: retry(503, 'The read store did not answer. Try again in a moment.'),
  EVENT_TOO_LARGE: terminal(413, 'An event is larger than limits.eventBytesMax. Send less text.'),
  DATA_CORRUPT: terminal(500, 'Stored data cannot be read. Restore the file from a backup.'),
  DATA_FORMAT_NEWER: terminal(500, 'The data was written by a newer version. Upgrade CogniSync.'),
  DATA_FOLDER_IN_USE: terminal(
    500,
    'Another process holds this data folder. Stop it or use another.',
  ),
  CHECKPOINT_AHEAD: terminal(
    500,
    'The log is older than its projection: it was restored. Rebuild the projection.',
  ),
  EVENT_VERSION_UNKNOWN: terminal(
    500,
    'An event is newer than this code knows. Upgrade CogniSync.',
  ),
  COPY_DIVERGED: terminal(
    409,
    'The target is no copy of the source: somebody wrote to it, or it is of another history. Copy into an empty log.',
  ),
  // The bus and the actors
  BUS_SATURATED: retry(503, 'Too many messages are in flight. Send again after a pause.'),
  SHUTTING_DOWN: retry(
    503,
    'This node is draining. Send again; another node or a restart takes it.',
  ),
  NOT_READY: retry(503, 'This node is still starting. Send again in a moment.'),
  BUS_UNAVAILABLE: retry(
    503,
    'The message broker did not take it or did not answer. Nothing was acknowledged; send again.',
  ),
  BUS_REFUSED: terminal(
    502,
    'The message broker refuses us. Check the names, the entities and the rights named above.',
  ),
  REDIS_UNAVAILABLE: retry(503, 'Redis did not answer. Try again in a moment.'),
  BLOBS_UNAVAILABLE: retry(503, 'The store of large bodies did not answer. Send again.'),
  BLOB_MISSING: terminal(
    500,
    'A large body is no longer where its message says. Have its producer send it again.',
  ),
  MESSAGE_NOT_JSON: terminal(400, 'The message body is not JSON in UTF-8.'),
  MESSAGE_INVALID: terminal(400, 'The message does not match its contract; see the named fields.'),
  MESSAGE_TYPE_UNKNOWN: terminal(400, 'No contract has this messageType; see /docs for the list.'),
  MESSAGE_VERSION_UNKNOWN: terminal(400, 'The schemaVersion is newer than this node knows.'),
  MESSAGE_TOO_LARGE: terminal(413, 'The body is larger than limits allow. Send less.'),
  MESSAGE_UNSETTLED: terminal(
    500,
    'Whoever had it ended or took too long, again and again. Mend what it trips over, then redrive.',
  ),
  STATE_TOO_LARGE: terminal(422, 'The actor would outgrow its bounds. Send fewer properties.'),
  INVARIANT_BROKEN: terminal(500, 'The code contradicts itself. Keep the message and report it.'),
  // The sources
  CONNECTION_UNKNOWN: terminal(404, 'No connection has this id. Check the webhook URL.'),
  SIGNATURE_INVALID: terminal(401, 'The signature or token is missing or wrong. Check the secret.'),
  WEBHOOK_INVALID: terminal(400, 'The delivery has no shape that this product documents.'),
  SOURCE_UNAVAILABLE: retry(
    503,
    'The source did not answer or limits our rate. It is tried again.',
  ),
  SOURCE_REFUSED: terminal(502, 'The source refused the request. Check the REST credentials.'),
  // The operators
  OPERATOR_REFUSED: terminal(
    401,
    'This is for operators. Send `Authorization: Bearer` with a token of OPERATOR_TOKENS; the command line sends COGNISYNC_TOKEN.',
  ),
  AUDIT_UNAVAILABLE: retry(
    503,
    'The audit log could not be written, so nothing was done. Free the disk of DATA_DIR, or see who holds audit.sqlite.',
  ),
  // The queries
  NOT_FOUND: terminal(404, 'Nothing has this id in this tenant.'),
  PROJECTION_UNKNOWN: terminal(404, 'No projection has this name; see GET /projections.'),
  PROJECTION_BUSY: retry(409, 'A rebuild or verification of this projection is already running.'),
  GENERATION_UNKNOWN: terminal(
    404,
    'No earlier generation is kept. Keep one: cognisync rebuild NAME --keep.',
  ),
  PROJECTION_OUTDATED: terminal(
    409,
    'Another version of the code built these rows. Rebuild it: cognisync rebuild NAME.',
  ),
  REQUEST_INVALID: terminal(400, 'A parameter is missing or malformed; see /docs.'),
  TENANT_INVALID: terminal(400, 'X-Tenant-Id must match [A-Za-z0-9][A-Za-z0-9_.-]{0,63}.'),
  ORIGIN_REFUSED: terminal(
    403,
    'Pages of other origins may not follow. Serve the page from the same host, or through a gateway.',
  ),
  TENANT_MISMATCH: terminal(403, 'The message is of another tenant than X-Tenant-Id says.'),
  ROUTE_UNKNOWN: terminal(404, 'There is no such path; see /docs.'),
  METHOD_NOT_ALLOWED: terminal(405, 'The path exists, but not with this method; see Allow.'),
  MEDIA_TYPE_UNSUPPORTED: terminal(415, 'Send the body as application/json.'),
  HEADERS_TOO_LARGE: terminal(431, 'URL and headers are larger than limits allow. Shorten them.'),
  REQUEST_TIMEOUT: retry(408, 'The request did not arrive in time. Send again, faster.'),
  QUERY_TOO_LARGE: terminal(422, 'The query would visit more than limits allow. Narrow it.'),
  FEED_FULL: retry(
    503,
    'As many follow the feed of this node as limits allow. Try again later, or another node.',
  ),
  POSITION_NOT_REACHED: retry(
    503,
    'Graph or index have not come to the position of atLeast in time. Ask again, or ask without it.',
  ),
  // The models
  EMBEDDER_UNAVAILABLE: retry(
    503,
    'The embedding model did not answer, or limits our rate. Search by words goes on without it.',
  ),
  EMBEDDER_REFUSED: terminal(
    502,
    'The embedding endpoint refuses us. Check EMBEDDINGS_URL, its key and its model.',
  ),
  EMBEDDER_MISMATCH: terminal(
    502,
    'The embedding model does not give what is configured. Check EMBEDDINGS_MODEL and EMBEDDINGS_DIMENSIONS.',
  ),
  TEXT_UNEMBEDDABLE: terminal(
    422,
    'The embedding model refuses this text. It is found by its words alone.',
  ),
  VECTORS_UNSUPPORTED: terminal(
    500,
    'This PostgreSQL has no pgvector. Install the extension, or set EMBEDDINGS=off.',
  ),
  CHAT_UNAVAILABLE: retry(503, 'The language model did not answer, or broke off. Ask again.'),
  CHAT_REFUSED: terminal(
    502,
    'The chat endpoint refuses us. Check CHAT_URL, its key and its model.',
  ),
  CHAT_UNCONFIGURED: terminal(
    409,
    'No language model is configured. Set CHAT_URL, or ask without an answer.',
  ),
  // Starting
  CONFIG_INVALID: terminal(
    500,
    'The environment or the connections file has mistakes, listed above.',
  ),
  INTERNAL: terminal(500, 'Something that should not happen did. The log has the details.'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorCatalogue;

/** Whether a text that came from elsewhere is a code of the catalogue. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCatalogue, text);
}

/** An error of the catalogue. `data` is what a program needs to act; never a secret. */
export class RuntimeError extends Error {
  readonly code: ErrorCode;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { data?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RuntimeError';
    this.code = code;
    this.data = options.data ?? {};
  }

  /** Whether the same request may succeed later without a change. */
  get retryable(): boolean {
    return errorCatalogue[this.code].kind === 'retry';
  }
}

/** Any thrown value as an error of the catalogue; what is not one already becomes INTERNAL. */
export function toRuntimeError(thrown: unknown): RuntimeError {
  if (thrown instanceof RuntimeError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new RuntimeError('INTERNAL', message, { cause: thrown });
}
