/** What can be asked of the retrieval, and whether it may be. */
import { type EntityType, entityTypes } from '#actors';
import { limits, RuntimeError } from '#runtime';
import { assertText } from '../graph/answer.ts';

export const retrievalModes = ['hybrid', 'words', 'vectors'] as const;

export interface RetrievalRequest {
  /** Words or a question; "a phrase" must be there, -this must not. */
  readonly q: string;
  /** 1 to limits.hitsMax; default limits.hitsDefault. */
  readonly limit?: number;
  /** Default `hybrid`: what words and vectors find, fused. */
  readonly mode?: (typeof retrievalModes)[number];
  readonly types?: readonly EntityType[];
  /** By name: the value, or one of the values where the property is a list. */
  readonly properties?: Readonly<Record<string, string>>;
  /** The source: `jira` or `confluence`. */
  readonly system?: string;
  /** From this instant on, and before that one; as the source dates its change, else as recorded. */
  readonly updatedAfter?: string;
  readonly updatedBefore?: string;
  /** Only entities at most `distance` (1 to limits.nearDistanceMax) edges from one of these. */
  readonly near?: { readonly ids: readonly string[]; readonly distance: number };
}

export interface QueryRequest extends RetrievalRequest {
  /** Edges that are walked from the hits, 0 to limits.hopsMax; default 1. */
  readonly hops?: number;
  /** Up to limits.contextCharsMax; default limits.contextCharsDefault. */
  readonly contextCharsMax?: number;
}

/** A request that may be asked, with its defaults and instants in UTC. */
export interface Wanted extends RetrievalRequest {
  readonly limit: number;
  readonly mode: (typeof retrievalModes)[number];
  readonly updatedAfter?: string;
  readonly updatedBefore?: string;
}

/** Throws REQUEST_INVALID. */
export function wantedOf(request: RetrievalRequest): Wanted {
  const { q, limit = limits.hitsDefault, mode = 'hybrid', types, properties = {} } = request;
  assertText('q', q);
  if (q.trim() === '' || q.length > limits.searchQueryCharsMax) {
    throw invalid(`q must have 1 to ${limits.searchQueryCharsMax} characters`);
  }
  assertWhole('limit', limit, 1, limits.hitsMax);
  if (!retrievalModes.includes(mode)) throw invalid(`mode is one of ${retrievalModes.join(', ')}`);
  if (types?.some((type) => !entityTypes.includes(type))) {
    throw invalid(`types are of ${entityTypes.join(', ')}`);
  }
  assertProperties(properties);
  assertText('system', request.system ?? '');
  assertNear(request.near);
  return {
    ...request,
    limit,
    mode,
    ...instant('updatedAfter', request.updatedAfter),
    ...instant('updatedBefore', request.updatedBefore),
  };
}

/** Of the parts that only `query` has. Throws REQUEST_INVALID. */
export function wantedContext({ hops = 1, contextCharsMax }: QueryRequest) {
  const charsMax = contextCharsMax ?? limits.contextCharsDefault;
  assertWhole('hops', hops, 0, limits.hopsMax);
  assertWhole('contextCharsMax', charsMax, 1, limits.contextCharsMax);
  return { hops, charsMax };
}

function assertProperties(properties: Readonly<Record<string, string>>): void {
  const entries = Object.entries(properties);
  if (entries.length > limits.filterValuesMax) {
    throw invalid(`properties are at most ${limits.filterValuesMax}`);
  }
  for (const text of entries.flat()) assertText('properties', text);
}

function assertNear(near: RetrievalRequest['near']): void {
  if (near === undefined) return;
  const { ids, distance } = near;
  assertWhole('near.distance', distance, 1, limits.nearDistanceMax);
  if (ids.length < 1 || ids.length > limits.filterValuesMax) {
    throw invalid(`near.ids are 1 to ${limits.filterValuesMax}`);
  }
  for (const id of ids) assertText('near.ids', id);
}

function instant<Name extends string>(name: Name, text: string | undefined) {
  if (text === undefined) return {};
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw invalid(`${name} is no instant of ISO 8601`);
  return { [name]: new Date(ms).toISOString() };
}

function assertWhole(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw invalid(`${name} must be a whole number from ${least} to ${most}`);
}

function invalid(message: string): RuntimeError {
  return new RuntimeError('REQUEST_INVALID', message);
}
