/**
 * A tool: what a model may ask, checked against its schema, and answered in two forms, JSON for programs
 * (`structuredContent`) and text for the model, each of limits.mcpAnswerCharsMax at most.
 *
 * Whose knowledge it is comes with the request that carried the call. No tool takes a tenant, and an
 * argument that a tool does not know is refused. An error is an answer, too (`isError`): the model can
 * read the hint and ask better.
 */
import type { CallToolResult, Tool as ListedTool } from '@modelcontextprotocol/sdk/types.js';
import type { Static, TObject } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import type { CachedReads, GraphHistory, GraphQueries, Retrieval } from '#projections';
import { type Log, RuntimeError } from '#runtime';
import { oneLine } from './brief.ts';
import { fitted } from './fitted.ts';

/** What the tools ask. */
export interface Knowledge {
  readonly graph: Pick<GraphQueries, 'path'>;
  readonly cached: Pick<CachedReads, 'entity' | 'neighbours'>;
  readonly history: Pick<GraphHistory, 'entity' | 'neighbours'>;
  readonly log: Pick<Log, 'readStream'>;
  readonly retrieval: Pick<Retrieval, 'search' | 'query'>;
}

/** Who asks. */
export interface Asker {
  readonly tenantId: string;
  readonly knowledge: Knowledge;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** An error, as its caller may know it. */
export interface Refusal {
  readonly code: string;
  readonly detail?: string;
  readonly hint: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

interface Tool<Input extends TObject, Told extends object> {
  readonly name: string;
  readonly title: string;
  /** For the model: when to use it. */
  readonly description: string;
  readonly input: Input;
  /** Answers as JSON. Throws errors of the catalogue. */
  ask(asked: Static<Input>, asker: Asker): Promise<Told>;
  /** The answer as text. */
  tell(answer: Told): string;
}

export interface CallableTool {
  /** As tools/list has it. */
  readonly listed: ListedTool;
  /** Never rejects, except where `refusalOf` throws. */
  call(
    args: unknown,
    asker: Asker,
    refusalOf: (thrown: unknown) => Refusal,
  ): Promise<CallToolResult>;
}

export function tool<Input extends TObject, Told extends object>(
  definition: Tool<Input, Told>,
): CallableTool {
  const { name, title, description, input } = definition;
  const validator = Compile(input);
  return {
    listed: {
      name,
      title,
      description,
      inputSchema: input as unknown as ListedTool['inputSchema'],
      annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
    },
    call: async (args, asker, refusalOf) => {
      try {
        assertInput(validator, args);
        return told(definition, fitted(await definition.ask(args as Static<Input>, asker)));
      } catch (thrown) {
        return refused(refusalOf(thrown));
      }
    },
  };
}

type Fault = ReturnType<Validator['Errors']>[number];

function assertInput(validator: Validator, args: unknown): void {
  if (validator.Check(args)) return;
  const faults = validator.Errors(args).filter(({ keyword }) => keyword !== 'boolean');
  throw new RuntimeError('REQUEST_INVALID', faults.slice(0, 10).map(lineOf).join('; '));
}

/** What came is repeated in part at most: it may be anything. */
function lineOf(fault: Fault): string {
  const { instancePath, message } = fault;
  if (fault.keyword === 'additionalProperties') {
    return `there is no argument ${oneLine(fault.params.additionalProperties.join(', '))}`;
  }
  const allowed = fault.keyword === 'enum' ? `: ${fault.params.allowedValues.join(', ')}` : '';
  return `${oneLine(instancePath || '/')} ${message}${allowed}`;
}

function told<Input extends TObject, Told extends object>(
  { tell }: Tool<Input, Told>,
  { answer, isShortened }: { readonly answer: Told; readonly isShortened: boolean },
): CallToolResult {
  const note = isShortened ? '\n(Long texts are shortened where … stands.)' : '';
  return {
    structuredContent: { ...answer, ...(isShortened && { isShortened }) },
    content: [{ type: 'text', text: tell(answer) + note }],
  };
}

function refused({ code, detail, hint, data }: Refusal): CallToolResult {
  const text = detail === undefined ? `${code}: ${hint}` : `${code}: ${detail}. ${hint}`;
  return {
    isError: true,
    structuredContent: { code, hint, ...(detail && { detail }), ...(data && { data }) },
    content: [{ type: 'text', text }],
  };
}
