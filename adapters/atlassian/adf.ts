/**
 * Text out of the Atlassian Document Format: a tree of `{ type, attrs, content, text }`.
 *
 * Walks with a stack of its own, so that no depth exhausts ours; a node of an unknown type is gone
 * through like any other and never an error. Left out: what only the editor shows (placeholders) and
 * pictures without a description.
 */
import {
  DocumentBuilder as Builder,
  type DocumentBuilder,
  type DocumentText,
} from './document-text.ts';
import { type JsonObject, listAt, objectAt, stringAt } from './json.ts';

/** Those that stand within a line; every other node is a block. */
const inline = new Set([
  'text',
  'hardBreak',
  'mention',
  'emoji',
  'date',
  'status',
  'inlineCard',
  'placeholder',
  'inlineExtension',
  'mediaInline',
]);

/** An instruction of the walk: a node to enter, or the end of a block. */
type Step = JsonObject | 'break';

export function isAdf(value: unknown): value is JsonObject {
  return stringAt(value, 'type') === 'doc' && objectAt(value) !== undefined;
}

export function readAdf(document: JsonObject): DocumentText {
  const out = new Builder();
  const steps: Step[] = [document];
  while (steps.length > 0 && !out.isFull) {
    const step = steps.pop()!;
    if (step === 'break') {
      out.breakLine();
      continue;
    }
    const type = stringAt(step, 'type') ?? '';
    if (!inline.has(type)) {
      out.breakLine();
      steps.push('break');
    }
    if (type === 'codeBlock') out.addCode(codeOf(step));
    else if (type !== 'placeholder') enter(out, type, step, steps);
  }
  return out.finish();
}

function enter(out: DocumentBuilder, type: string, node: JsonObject, steps: Step[]): void {
  addOwnText(out, type, node);
  for (const child of listAt(node, 'content').toReversed()) {
    const object = objectAt(child);
    if (object !== undefined) steps.push(object);
  }
}

function addOwnText(out: DocumentBuilder, type: string, node: JsonObject): void {
  const attr = (name: string) => stringAt(node, 'attrs', name);
  switch (type) {
    case 'text':
      out.add(stringAt(node, 'text') ?? '');
      for (const mark of listAt(node, 'marks')) {
        const href = stringAt(mark, 'attrs', 'href');
        if (href !== undefined) out.mentionUrl(href);
      }
      return;
    case 'hardBreak':
      out.breakLine();
      return;
    case 'mention': {
      const accountId = attr('id');
      if (accountId !== undefined && isOnePerson(accountId, attr('userType'))) {
        out.mentionAccount(accountId);
      }
      out.add(attr('text') ?? '');
      return;
    }
    case 'emoji':
      out.add(attr('text') ?? shortName(attr('shortName')));
      return;
    case 'date':
      out.add(dayOf(attr('timestamp')));
      return;
    case 'inlineCard':
    case 'blockCard':
    case 'embedCard': {
      const url = attr('url');
      if (url === undefined) return;
      out.mentionUrl(url);
      out.add(url);
      return;
    }
    case 'expand':
    case 'nestedExpand':
      out.add(attr('title') ?? '');
      out.breakLine();
      return;
    case 'media':
    case 'mediaInline':
      out.add(attr('alt') ?? '');
      return;
    case 'status':
      out.add(attr('text') ?? '');
      return;
    case 'extension':
    case 'inlineExtension':
      if (attr('extensionKey') === 'jira') out.add(issueKeyOf(node) ?? '');
      return;
  }
}

/** Not `@here`, not a team, not an app. */
function isOnePerson(id: string, userType: string | undefined): boolean {
  const isGroup = id === 'here' || id === 'all';
  return !isGroup && !['SPECIAL', 'CONTAINER', 'APP'].includes(userType ?? '');
}

/** The issue that Confluence's Jira macro shows. */
function issueKeyOf(node: JsonObject): string | undefined {
  return stringAt(node, 'attrs', 'parameters', 'macroParams', 'key', 'value');
}

function codeOf(node: JsonObject): string {
  return listAt(node, 'content')
    .map((child) => stringAt(child, 'text') ?? '')
    .join('');
}

/** Confluence writes `warning` in one place and `:warning:` in another. */
export function shortName(name: string | undefined): string {
  const bare = (name ?? '').replaceAll(':', '');
  return bare === '' ? '' : `:${bare}:`;
}

function dayOf(timestamp: string | undefined): string {
  const ms = Number(timestamp);
  if (timestamp === undefined || !(Math.abs(ms) <= 8.64e15)) return '';
  return new Date(ms).toISOString().slice(0, 10);
}
