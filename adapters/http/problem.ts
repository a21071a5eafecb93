/**
 * Errors as RFC 9457 problem details: the one shape in which this adapter says no.
 *
 *     { type, title, status, code, detail, hint, instance, data? }
 *
 * `code` is of the catalogue and decides everything else. What a caller can mend (4xx) is told in full, as
 * is how far the position is that it waited for; of what it can't (5xx) it learns the code and what to do,
 * and the log has the rest under the request id in `instance`. Fastify's own errors become codes here too, so that nothing else leaks.
 */
import Type, { type Static } from 'typebox';
import { type ErrorCode, errorCatalogue, RuntimeError, toRuntimeError } from '#runtime';

export const problemMediaType = 'application/problem+json';

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'A URN of the code.' }),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.Enum(Object.keys(errorCatalogue) as ErrorCode[], {
      description: 'Promised; the texts are for people and may change.',
    }),
    detail: Type.Optional(Type.String({ description: 'What is wrong with this request.' })),
    hint: Type.String({ description: 'What to do about it.' }),
    instance: Type.Optional(Type.String({ description: 'The request, as the log names it.' })),
    data: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { title: 'Problem', description: 'RFC 9457 problem details.' },
);

export type Problem = Static<typeof Problem>;

/** Seconds after which a sender may try again what the catalogue calls `retry`. */
export const retryAfterSeconds = 2;

/** The problem of an error; `requestId` is a UUID. */
export function problemOf(error: RuntimeError, requestId?: string): Problem {
  const { code, data, message } = error;
  const { hint, status } = errorCatalogue[code];
  const isCallers = status < 500 || code === 'POSITION_NOT_REACHED';
  return {
    type: `urn:cognisync:error:${code}`,
    title: titleOf(code),
    status,
    code,
    ...(isCallers && { detail: message }),
    hint,
    ...(requestId !== undefined && { instance: `urn:uuid:${requestId}` }),
    ...(isCallers && Object.keys(data).length > 0 && { data }),
  };
}

/** `LOG_UNAVAILABLE` → `Log unavailable`. */
function titleOf(code: ErrorCode): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What a framework throws: Fastify's errors have a code and a status. */
interface FrameworkError {
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly message: string;
  readonly validation?: readonly {
    readonly instancePath: string;
    readonly message?: string;
    readonly params: Readonly<Record<string, unknown>>;
  }[];
  readonly validationContext?: string;
}

const codeOfStatus: Readonly<Record<number, ErrorCode>> = {
  413: 'MESSAGE_TOO_LARGE',
  415: 'MEDIA_TYPE_UNSUPPORTED',
};

/** Their messages repeat the URL, which may hold a token. */
const urlFaults: readonly unknown[] = ['FST_ERR_BAD_URL', 'FST_ERR_MAX_PARAM_LENGTH'];

/** Anything thrown on the way of a request, as an error of the catalogue. */
export function errorOfRequest(thrown: unknown): RuntimeError {
  if (thrown instanceof RuntimeError || !(thrown instanceof Error)) return toRuntimeError(thrown);
  const error: FrameworkError = thrown;
  if (error.validation !== undefined) return invalidRequest(error);
  const { statusCode } = error;
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) {
    return toRuntimeError(thrown);
  }
  const isUrls = urlFaults.includes(error.code);
  const message = isUrls ? 'the path is malformed or a part of it too long' : error.message;
  return new RuntimeError(codeOfStatus[statusCode] ?? 'REQUEST_INVALID', message);
}

function invalidRequest({ validation = [], validationContext = 'request' }: FrameworkError) {
  const faults = validation.map(({ instancePath, message, params }) => {
    const { additionalProperty, allowedValues } = params;
    if (typeof additionalProperty === 'string') {
      return `${validationContext}: there is no parameter ${JSON.stringify(additionalProperty)}`;
    }
    const allowed = Array.isArray(allowedValues) ? `: ${allowedValues.join(', ')}` : '';
    return `${validationContext}${instancePath} ${message}${allowed}`;
  });
  return new RuntimeError('REQUEST_INVALID', faults.join('; '));
}
