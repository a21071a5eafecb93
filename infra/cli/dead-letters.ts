/** dead-letters: what could not be handled, why, and what to do with it. */
import type { DeadLetterSummary, DeadLetterView } from '#adapters/http';
import type { Client } from './client.ts';
import { Complaint } from './complaint.ts';
import { printJson, printLine } from './output.ts';
import { countOf, lineOf, tableOf } from './text.ts';

interface Output {
  readonly isJson: boolean;
  readonly isUnreadable: boolean;
}

interface Page {
  readonly items: readonly DeadLetterSummary[];
  readonly next: string | null;
}

export async function listDeadLetters(
  client: Client,
  { isJson, isUnreadable, limit }: Output & { readonly limit: number },
): Promise<void> {
  const items: DeadLetterSummary[] = [];
  let next: string | null = null;
  do {
    const query = new URLSearchParams({ unreadable: String(isUnreadable) });
    query.set('limit', String(Math.min(200, limit - items.length)));
    if (next !== null) query.set('cursor', next);
    const page: Page = await client.get<Page>(`/dead-letters?${query}`);
    items.push(...page.items);
    next = page.next;
  } while (next !== null && items.length < limit);
  if (isJson) return printJson({ items, next });
  if (items.length === 0) return printLine('There are no dead letters.');
  const rows = items.map(({ id, deadLetteredAt, messageId, reason }) => [
    id,
    deadLetteredAt.slice(0, 19),
    reason.code,
    lineOf(messageId, 40),
    lineOf(reason.detail, 80),
  ]);
  await printLine(tableOf(['ID', 'SINCE', 'CODE', 'MESSAGE', 'WHY'], rows));
  if (next !== null) await printLine(`… and more; --limit shows them.`);
}

export async function showDeadLetter(
  client: Client,
  id: string,
  { isJson, isUnreadable }: Output,
): Promise<void> {
  const path = `/dead-letters/${encodeURIComponent(id)}?unreadable=${isUnreadable}`;
  const letter = await client.get<DeadLetterView>(path);
  if (isJson) return printJson(letter);
  await printLine(`id        ${letter.id}
message   ${lineOf(letter.messageId, 512)}
tenant    ${letter.tenantId ?? '(can not be read)'}
since     ${letter.deadLetteredAt}
why       ${letter.reason.code}: ${letter.reason.detail}
body      ${countOf(letter.bodyChars)} characters, ${letter.encoding}

${letter.body}`);
}

/** Those of the ids, or all; in portions until none is left that moves. */
export async function moveDeadLetters(
  client: Client,
  what: 'redrive' | 'purge',
  ids: readonly string[],
  { isJson, isUnreadable, isAll }: Output & { readonly isAll: boolean },
): Promise<void> {
  if (isAll === ids.length > 0) {
    throw new Complaint(`say which to ${what}: ids, or --all`, {
      hint: '`cognisync dead-letters list` shows the ids.',
    });
  }
  const body = { unreadable: isUnreadable, ...(isAll ? {} : { ids }) };
  let moved = 0;
  for (let last = -1; last !== 0 && (last === -1 || isAll); ) {
    const answer = await client.post<Record<string, number>>(`/dead-letters/${what}`, body);
    last = Object.values(answer)[0] ?? 0;
    moved += last;
  }
  const word = what === 'redrive' ? 'redriven' : 'purged';
  if (isJson) return printJson({ [word]: moved });
  const rest = isAll ? '' : ` of ${ids.length}`;
  await printLine(`${countOf(moved)}${rest} ${word}`);
}
