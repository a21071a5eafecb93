/** dead-letters: what could not be handled, why, and what to do with it. */
import type { DeadLetterSummary, DeadLetterView } from '#adapters/http';
import { limits } from '#runtime';
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

/** Oldest first, at most `limit` of them; `next` where there are more. */
async function deadLettersOf(client: Client, isUnreadable: boolean, limit: number): Promise<Page> {
  const items: DeadLetterSummary[] = [];
  let next: string | null = null;
  do {
    const query = new URLSearchParams({ unreadable: String(isUnreadable) });
    query.set('limit', String(Math.min(limits.pageItemsMax, limit - items.length)));
    if (next !== null) query.set('cursor', next);
    const page: Page = await client.get<Page>(`/dead-letters?${query}`);
    items.push(...page.items);
    next = page.next;
  } while (next !== null && items.length < limit);
  return { items, next };
}

export async function listDeadLetters(
  client: Client,
  { isJson, isUnreadable, limit }: Output & { readonly limit: number },
): Promise<void> {
  const { items, next } = await deadLettersOf(client, isUnreadable, limit);
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
  if (next !== null) await printLine('… and more; --limit shows them.');
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

/** Those of the ids, or all that are there now. */
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
  const chosen = isAll
    ? (await deadLettersOf(client, isUnreadable, Number.MAX_SAFE_INTEGER)).items.map(({ id }) => id)
    : ids;
  const word = what === 'redrive' ? 'redriven' : 'purged';
  let moved = 0;
  for (let from = 0; from < chosen.length; from += limits.deadLettersPageMax) {
    const some = chosen.slice(from, from + limits.deadLettersPageMax);
    const body = { unreadable: isUnreadable, ids: some };
    const answer = await client.post<Record<string, number>>(`/dead-letters/${what}`, body);
    moved += answer[word] ?? 0;
  }
  if (isJson) return printJson({ [word]: moved, of: chosen.length });
  await printLine(`${countOf(moved)} of ${countOf(chosen.length)} ${word}`);
}
