/**
 * Text out of Confluence's storage format: XHTML with elements `ac:` (macros, tasks, layouts) and `ri:`
 * (what is pointed to).
 *
 * Parsed as XML, since elements such as `ac:link` close as in XML; entities are HTML's, though, and
 * decoded by themselves. Broken markup gives the text that can be seen, never an error. Left out:
 * parameters of macros except the titles that people read, placeholders, ids of tasks.
 */
import { Parser } from 'htmlparser2';
import { shortName } from './adf.ts';
import { DocumentBuilder, type DocumentText } from './document-text.ts';

/** Those that stand within a line. */
const inline = new Set(
  (
    'a abbr b big cite code del em i ins kbd mark q s samp small span strike strong sub sup time tt u var ' +
    'ac:link ac:emoticon ac:link-body ac:plain-text-link-body ac:inline-comment-marker ac:image ' +
    'ac:placeholder ac:parameter ac:structured-macro ri:user ri:page ri:content-entity ri:url ' +
    'ri:attachment ri:space ri:blog-post'
  ).split(' '),
);

/** Macros that stand within a line; every other one is a block. */
const inlineMacros = new Set(['status', 'jira', 'anchor', 'emoji']);

/** Parameters of a macro that people read, by the macro's name. */
const readable: Readonly<Record<string, string>> = {
  status: 'title',
  expand: 'title',
  panel: 'title',
  info: 'title',
  note: 'title',
  tip: 'title',
  warning: 'title',
  code: 'title',
  jira: 'key',
};

const silent = new Set(['ac:placeholder', 'ac:task-id', 'ac:task-uuid', 'ac:task-status']);
const preformatted = new Set(['pre', 'ac:plain-text-body']);

const pieceChars = 64 * 1024;
/** The parser's cost of an element grows with its depth; nobody writes pages of a tenth of this. */
const depthMax = 1_000;

interface Open {
  readonly name: string;
  /** Of a macro: its name. */
  readonly macro?: string | undefined;
  /** Whether its text is not for people. */
  readonly isSilent: boolean;
}

export function readStorage(markup: string): DocumentText {
  const reader = new StorageReader();
  const parser = new Parser(
    {
      onopentag: (name, attributes) => reader.open(name, attributes),
      ontext: (text) => reader.text(text),
      onclosetag: (name) => reader.close(name),
      oncdatastart: () => reader.literal(true),
      oncdataend: () => reader.literal(false),
    },
    { xmlMode: true, decodeEntities: false },
  );
  // Piece by piece, so that a page of megabytes is not parsed beyond what is kept.
  for (let at = 0; at < markup.length && !reader.isDone; at += pieceChars) {
    parser.write(markup.slice(at, at + pieceChars));
  }
  parser.end();
  return reader.finish();
}

class StorageReader {
  readonly out = new DocumentBuilder();
  readonly #open: Open[] = [];
  /** Text since the last tag; an entity in it may have come in two pieces. */
  #text = '';
  #code: string | null = null;
  #isLiteral = false;
  /** Title of the page that an open link leads to; shown where the link has no text of its own. */
  #linkTitle = '';

  /** Whether the rest need not be read. */
  get isDone(): boolean {
    return this.out.isFull || this.#open.length > depthMax;
  }

  finish(): DocumentText {
    this.#flush();
    return this.out.finish();
  }

  open(name: string, attributes: Readonly<Record<string, string>>): void {
    this.#flush();
    const attribute = (key: string) => decoded(attributes[key] ?? '');
    const parent = this.#open.at(-1);
    const macro = name === 'ac:structured-macro' ? attribute('ac:name') : undefined;
    const isSilent =
      parent?.isSilent === true ||
      silent.has(name) ||
      (name === 'ac:parameter' && readable[parent?.macro ?? ''] !== attribute('ac:name'));
    if (isBlock(name, macro)) this.out.breakLine();
    this.#open.push({ name, macro, isSilent });
    if (preformatted.has(name)) this.#code = '';
    if (!isSilent) this.#point(name, attribute);
  }

  text(text: string): void {
    this.#text += text;
  }

  close(name: string): void {
    this.#flush();
    const closed = this.#open.pop();
    if (preformatted.has(name) && this.#code !== null) {
      this.out.addCode(this.#code);
      this.#code = null;
    }
    if (name === 'ac:link') {
      this.out.add(this.#linkTitle);
      this.#linkTitle = '';
    }
    const macro = this.#open.at(-1)?.macro;
    const isHeading = name === 'ac:parameter' && isBlock('ac:structured-macro', macro);
    if (isHeading || isBlock(name, closed?.macro)) this.out.breakLine();
  }

  /** Inside CDATA nothing is an entity. */
  literal(isLiteral: boolean): void {
    this.#flush();
    this.#isLiteral = isLiteral;
  }

  #flush(): void {
    const text = this.#isLiteral ? this.#text : decoded(this.#text);
    this.#text = '';
    if (text === '' || this.#open.at(-1)?.isSilent) return;
    if (this.#code === null) this.out.add(text);
    else this.#code += text;
    if (text.trim() !== '') this.#linkTitle = '';
  }

  /** What an element says by its attributes. */
  #point(name: string, attribute: (key: string) => string): void {
    const { out } = this;
    switch (name) {
      case 'br':
        out.breakLine();
        return;
      case 'a':
        if (attribute('href') !== '') out.mentionUrl(attribute('href'));
        return;
      case 'ri:url':
        if (attribute('ri:value') !== '') out.mentionUrl(attribute('ri:value'));
        return;
      case 'ri:user':
        if (attribute('ri:account-id') !== '') out.mentionAccount(attribute('ri:account-id'));
        return;
      case 'ri:page':
      case 'ri:blog-post':
        if (this.#open.at(-2)?.name === 'ac:link') this.#linkTitle = attribute('ri:content-title');
        return;
      case 'ac:emoticon':
        out.add(attribute('ac:emoji-fallback') || shortName(attribute('ac:name')));
        return;
      case 'time':
        out.add(attribute('datetime'));
        return;
      case 'ac:image':
        out.add(attribute('ac:alt'));
        return;
    }
  }
}

function isBlock(name: string, macro: string | undefined): boolean {
  if (name === 'ac:structured-macro') return !inlineMacros.has(macro ?? '');
  return !inline.has(name);
}

/** Text with HTML's entities decoded, by the parser's HTML mode. Text has no tags in it. */
function decoded(text: string): string {
  if (!text.includes('&')) return text;
  let out = '';
  const parser = new Parser({ ontext: (part) => (out += part) }, { decodeEntities: true });
  parser.end(text);
  return out;
}
