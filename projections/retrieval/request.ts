/**
 * What can be asked of the retrieval, and whether it may be: one schema, by which every door asks and by
 * which the retrieval itself checks. What a schema can't say is checked here, too.
 */
import Type, { type Static } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { EntityType, entityTypes } from '#actors';
import { limits, RuntimeError } from '#runtime';
import { assertText } from '../graph/answer.ts';

export const retrievalModes = ['hybrid', 'words', 'vectors'] as const;

/** Property names and values of a filter: what a person or a model writes down, not a text. */
const nameCharsMax = 256;
const valueCharsMax = 1_000;
/** ISO 8601 to the nanosecond and with a zone is shorter. */
const instantCharsMax = 40;

const instant = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: instantCharsMax, description }));

export const RetrievalRequest = Type.Object(
  {
    q: Type.String({
      minLength: 1,
      maxLength: limits.searchQueryCharsMax,
      description:
        'A question or words, in any language. For the words, "a phrase" must be there, -this must not.',
    }),
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: limits.hitsMax,
        description: `Most entities found. Absent: ${limits.hitsDefault}.`,
      }),
    ),
    mode: Type.Optional(
      Type.Enum([...retrievalModes], {
        description: 'By words and by meaning, or by one of them. Absent: hybrid, which is both.',
      }),
    ),
    types: Type.Optional(
      Type.Array(EntityType, {
        minItems: 1,
        maxItems: entityTypes.length,
        description: 'Only of these types.',
      }),
    ),
    properties: Type.Optional(
      Type.Record(
        Type.String({ pattern: `^.{1,${nameCharsMax}}$` }),
        Type.String({ maxLength: valueCharsMax }),
        {
          maxProperties: limits.filterValuesMax,
          additionalProperties: false,
          description:
            'Only with all of these, such as {"status": "Done"}; of a list one value must be it.',
        },
      ),
    ),
    system: Type.Optional(Type.Enum(['jira', 'confluence'], { description: 'Only from there.' })),
    updatedAfter: instant('ISO 8601 with a zone. Only what has changed then or since.'),
    updatedBefore: instant('ISO 8601 with a zone. Only what has not changed then or since.'),
    near: Type.Optional(
      Type.Object(
        {
          ids: Type.Array(Type.String({ minLength: 1, maxLength: limits.idCharsMax }), {
            minItems: 1,
            maxItems: limits.filterValuesMax,
          }),
          distance: Type.Integer({ minimum: 1, maximum: limits.nearDistanceMax }),
        },
        {
          additionalProperties: false,
          description: 'Only what is at most `distance` links away from one of these entities.',
        },
      ),
    ),
  },
  { additionalProperties: false },
);

export const QueryRequest = Type.Object(
  {
    ...RetrievalRequest.properties,
    hops: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: limits.hopsMax,
        description: 'Links walked from what is found. Absent: 1.',
      }),
    ),
    contextCharsMax: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: limits.contextCharsMax,
        description: `Length of the context, 4 a token. Absent: ${limits.contextCharsDefault}.`,
      }),
    ),
  },
  { additionalProperties: false },
);

export type RetrievalRequest = Readonly<Static<typeof RetrievalRequest>>;
export type QueryRequest = Readonly<Static<typeof QueryRequest>>;

/** A request that may be asked, with its defaults and instants in UTC. */
export type Wanted = QueryRequest &
  Required<Pick<QueryRequest, 'limit' | 'mode' | 'hops' | 'contextCharsMax'>>;

/** Throws REQUEST_INVALID. */
export function wantedOf(request: QueryRequest): Wanted {
  assertFits(request);
  const { q, properties = {}, near, updatedAfter, updatedBefore } = request;
  if (q.trim() === '') throw invalid('q is blank');
  assertText('q', q);
  for (const text of Object.entries(properties).flat()) assertText('properties', text);
  for (const id of near?.ids ?? []) assertText('near.ids', id);
  return {
    limit: limits.hitsDefault,
    mode: 'hybrid',
    hops: 1,
    contextCharsMax: limits.contextCharsDefault,
    ...request,
    ...instantOf('updatedAfter', updatedAfter),
    ...instantOf('updatedBefore', updatedBefore),
  };
}

let check: Validator | undefined;

function assertFits(request: QueryRequest): void {
  // Compiled when the first request comes: a command line that asks none need not wait for it.
  check ??= Compile(QueryRequest);
  if (check.Check(request)) return;
  const faults = check.Errors(request).slice(0, 10);
  throw invalid(faults.map(({ instancePath, message }) => `${instancePath} ${message}`).join('; '));
}

function instantOf<Name extends string>(name: Name, text: string | undefined) {
  if (text === undefined) return {};
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw invalid(`${name} is no instant of ISO 8601`);
  return { [name]: new Date(ms).toISOString() };
}

function invalid(message: string): RuntimeError {
  return new RuntimeError('REQUEST_INVALID', message);
}
