/** Reads the vectors out of an answer. Nothing of it is believed: servers stand behind proxies. */

/** What is wrong with an answer, in a few words. */
export class AnswerFault extends Error {}

/**
 * The vectors of `count` texts in the order of the texts, each of length 1. How many numbers each has is
 * not checked. Throws AnswerFault.
 */
export function vectorsIn(answer: string, count: number): readonly Float32Array[] {
  const { data } = objectIn(answer);
  if (!Array.isArray(data)) throw new AnswerFault('the answer has no data');
  if (data.length !== count) {
    throw new AnswerFault(`the answer has ${data.length} vectors for ${count} texts`);
  }
  const vectors: Float32Array[] = new Array(count);
  for (const item of data) {
    const { index, embedding } = (item ?? {}) as { index?: unknown; embedding?: unknown };
    if (!Number.isInteger(index) || (index as number) < 0 || (index as number) >= count) {
      throw new AnswerFault('a vector of the answer says not of which text it is');
    }
    if (vectors[index as number] !== undefined) {
      throw new AnswerFault('the answer has two vectors for one text');
    }
    vectors[index as number] = unitVector(embedding);
  }
  return vectors;
}

function objectIn(text: string): { readonly data?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // What it is instead is nobody's business: a page of a proxy, or half an answer.
  }
  throw new AnswerFault('the answer is no JSON object');
}

function unitVector(numbers: unknown): Float32Array {
  if (!Array.isArray(numbers)) throw new AnswerFault('a vector of the answer is no list');
  let squares = 0;
  for (const number of numbers) {
    if (typeof number !== 'number') throw new AnswerFault('a vector of the answer has no number');
    squares += number * number;
  }
  // Zero, or so large that its square is infinite.
  if (squares === 0 || !Number.isFinite(squares)) {
    throw new AnswerFault('a vector of the answer has no direction');
  }
  const length = Math.sqrt(squares);
  return Float32Array.from(numbers as number[], (number) => number / length);
}
