/**
 * The plain text of a document while a reader walks through it, and whom and what it mentions.
 *
 * One line for each block; runs of white space are one space, except inside code. Readers of different
 * formats that describe the same document to it get the same text. Collects no more than
 * limits.textCharsMax needs; what a document mentions after that is not seen either.
 */
import { limits } from '#runtime';
import { prose } from './text.ts';

/** What a text points to: accounts by their id, anything else by its URL. */
export interface References {
  readonly accountIds: ReadonlySet<string>;
  readonly urls: ReadonlySet<string>;
}

export interface DocumentText {
  readonly text: string;
  readonly references: References;
}

/** More than these nobody reads; a text of 256 Ki characters may hold tens of thousands. */
const referencesMax = 500;

export class DocumentBuilder {
  readonly #lines: string[] = [];
  readonly #accountIds = new Set<string>();
  readonly #urls = new Set<string>();
  #line = '';
  #chars = 0;

  /** Whether anything more would be cut anyway. */
  get isFull(): boolean {
    return this.#chars > limits.textCharsMax;
  }

  /** Running text; line ends and indentation in it mean a space. */
  add(text: string): void {
    this.#line += text;
    this.#chars += text.length;
  }

  /** A block of code: its lines and their indentation stay. */
  addCode(code: string): void {
    this.breakLine();
    for (const line of code.split(/\r?\n/)) {
      if (line.trim() !== '') this.#lines.push(line.trimEnd());
    }
    this.#chars += code.length;
  }

  /** What comes next stands on a line of its own. */
  breakLine(): void {
    const line = this.#line.replace(/\s+/gu, ' ').trim();
    if (line !== '') this.#lines.push(line);
    this.#line = '';
  }

  mentionAccount(accountId: string): void {
    if (this.#accountIds.size < referencesMax) this.#accountIds.add(accountId);
  }

  mentionUrl(url: string): void {
    if (this.#urls.size < referencesMax) this.#urls.add(url);
  }

  finish(): DocumentText {
    this.breakLine();
    return {
      text: prose(this.#lines.join('\n')),
      references: { accountIds: this.#accountIds, urls: this.#urls },
    };
  }
}
