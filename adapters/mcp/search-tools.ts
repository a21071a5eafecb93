/** Tools of retrieval: what is there about something, and a text to answer a question from. */
import Type from 'typebox';
import {
  type Citation,
  type Hit,
  type HitPassage,
  type Positions,
  QueryRequest,
  RetrievalRequest,
  type VectorsUse,
} from '#projections';
import { limits } from '#runtime';
import { type Brief, briefOf, lineOf, oneLine } from './brief.ts';
import { inputOf } from './input.ts';
import { tool } from './tool.ts';

/** Leaves the rest for the citations, which take one and a half times as much as what they cite. */
const contextCharsMax = limits.mcpAnswerCharsMax / 3;

interface Found {
  readonly positions: Positions;
  readonly vectors: VectorsUse;
  readonly hits: readonly (Brief & {
    readonly score: number;
    readonly explained: Hit['explained'];
    readonly passages: readonly HitPassage[];
  })[];
}

export const search = tool({
  name: 'search',
  title: 'Search by words and meaning',
  description:
    'Finds people, documents, projects and issues by what is written in them, by words and by meaning, ' +
    'best first, with the passages that match. Comments count for what they are on. Use it to find ids.',
  input: RetrievalRequest,
  ask: async (request, { knowledge, tenantId, signal }): Promise<Found> => {
    const { positions, vectors, hits } = await knowledge.retrieval.search(
      tenantId,
      request,
      signal,
    );
    return {
      positions,
      vectors,
      hits: hits.map(({ entity, score, explained, passages }) => ({
        ...briefOf(entity),
        score,
        explained,
        passages,
      })),
    };
  },
  tell: ({ hits, vectors }) => {
    const lines = hits.flatMap((hit, at) => [
      `${at + 1}. ${lineOf(hit)}`,
      ...hit.passages.map(({ snippet }) => `   ${oneLine(snippet, limits.chunkCharsMax)}`),
    ]);
    return [...(lines.length === 0 ? ['Nothing is found.'] : lines), ...caveat(vectors)].join('\n');
  },
});

interface Context {
  readonly positions: Positions;
  readonly vectors: VectorsUse;
  readonly context: string;
  readonly citations: readonly CitationBrief[];
}

/** Of a citation what the context does not say itself. */
interface CitationBrief extends Pick<Citation, 'n' | 'kind' | 'entityId' | 'relationshipId'> {
  readonly url?: string;
  readonly chunkId?: string;
  readonly textMissing?: true;
}

export const query = tool({
  name: 'query',
  title: 'Text to answer a question from',
  description:
    'The passages and links that answer a question, as one text with marks [1], [2] … to cite by; what ' +
    'is linked to the best hits is in it, too. Use it to answer questions, `search` to find things.',
  input: inputOf({
    ...QueryRequest.properties,
    contextCharsMax: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: contextCharsMax,
        description: `Length of the text, 4 a token. Absent: ${limits.contextCharsDefault}.`,
      }),
    ),
  }),
  ask: async (request, { knowledge, tenantId, signal }): Promise<Context> => {
    const answer = await knowledge.retrieval.query(tenantId, request, signal);
    const { positions, vectors, context, citations } = answer;
    return { positions, vectors, context, citations: citations.map(citationBriefOf) };
  },
  tell: ({ context, vectors }) =>
    [context === '' ? 'Nothing is found.' : context, ...caveat(vectors)].join('\n'),
});

function citationBriefOf(citation: Citation): CitationBrief {
  const { n, kind, entityId, relationshipId, url, chunkId, textMissing = false } = citation;
  return {
    ...{ n, kind, entityId },
    ...(relationshipId !== undefined && { relationshipId }),
    ...(url !== null && { url }),
    ...(chunkId !== null && { chunkId }),
    ...(textMissing && { textMissing }),
  };
}

function caveat(vectors: VectorsUse): readonly string[] {
  if (vectors === 'used' || vectors === 'not-asked') return [];
  return [`(Searched by words alone; by meaning: ${vectors}.)`];
}
