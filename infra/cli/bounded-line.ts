/** A file's lines, none longer than a bound: what somebody hands us may be one line of any size. */
import { createReadStream } from 'node:fs';

export interface BoundedLine {
  /** From 1. */
  readonly number: number;
  readonly bytes: Uint8Array;
  /** Bytes of the file up to the end of this line. */
  readonly upTo: number;
}

/** What is after the last line feed is no line, unless there is something. Throws LineTooLong. */
export async function* boundedLines(
  file: string,
  bytesMax: number,
): AsyncGenerator<BoundedLine, void, void> {
  let number = 1;
  let upTo = 0;
  let rest: Buffer = Buffer.alloc(0);
  const stream: AsyncIterable<Buffer> = createReadStream(file, { highWaterMark: chunkBytes });
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, from)) {
      const bytes = Buffer.concat([rest, chunk.subarray(from, end)]);
      if (bytes.length > bytesMax) throw new LineTooLong(number);
      upTo += bytes.length + 1;
      yield { number, bytes, upTo };
      rest = Buffer.alloc(0);
      from = end + 1;
      number += 1;
    }
    rest = Buffer.concat([rest, chunk.subarray(from)]);
    if (rest.length > bytesMax) throw new LineTooLong(number);
  }
  if (rest.length > 0) yield { number, bytes: rest, upTo: upTo + rest.length };
}

const lineFeed = 0x0a;
const chunkBytes = 256 * 1024;

export class LineTooLong extends Error {
  readonly line: number;

  constructor(line: number) {
    super(`line ${line} is longer than any event`);
    this.line = line;
  }
}
