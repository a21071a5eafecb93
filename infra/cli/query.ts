/** query: the context of a question, or the answer to it, with the sources that its numbers cite. */
import type { QueryView } from '#adapters/http';
import type { Client } from './client.ts';
import { printJson, printLine } from './output.ts';
import { type Asked, bodyOf, footOf } from './search.ts';
import { blockOf, lineOf } from './text.ts';

export async function showContext(
  client: Client,
  asked: Asked,
  isAnswerWanted: boolean,
): Promise<void> {
  const body = { ...(await bodyOf(client, asked)), answer: isAnswerWanted };
  const found = await client.post<QueryView>('/query', body);
  if (asked.isJson) return printJson(found);
  const { answer, citations, context } = found;
  const text = blockOf(answer?.text ?? (context === '' ? 'Nothing fits.' : context));
  // The context names its sources itself.
  const cited = answer ? citations.filter(({ n }) => answer.text.includes(`[${n}]`)) : [];
  const parts = [text, cited.map(sourceLine).join('\n'), footOf(found)];
  await printLine(parts.filter((part) => part !== '').join('\n\n'));
}

function sourceLine({ n, title, url, entityId }: QueryView['citations'][number]): string {
  return lineOf(`[${n}] ${title}  ${url ?? entityId}`, 300);
}
