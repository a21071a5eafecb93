/**
 * A made-up company as large as wished: documents of some hundred words, each about one topic and a
 * little about another, and the comments on them; the same on every machine.
 *
 * Words fall as they do in English: half of a text are fillers, the rest comes from its topic and from a
 * vocabulary that all share, by Zipf's law (the word of rank r with a weight of 1 over r). A model
 * (`TopicEmbedder`) puts the words of a topic near each other, so that vectors come in clusters, as those
 * of true models do, and a question is near the texts of its topic that share none of its words.
 */
import type { Embedder } from '#runtime';
import { Chance } from '#test/chance';
import { entityCreated, type Fact, linkActivated } from '#test/events';

export interface Company {
  readonly tenantId: string;
  readonly documents: number;
}

const topics = 64;
const topicWords = 80;
const sharedWords = 4_000;
const textWords = { least: 40, most: 160 };
/** Share of the documents that are comments, each on the document before it that is none. */
const comments = 0.2;

const fillers = (
  'the of and to in a is that for it on be with as by this are from at not or an which have has was will ' +
  'can but if when we you all there what who how do does our they their where why'
).split(' ');
const onsets = 'b br c cl d dr f fl g gr h j k l m n p pl r s st t tr v w'.split(' ');
const nuclei = 'a e i o u ai ea oo'.split(' ');
const codas = ['', '', 'n', 'r', 'l', 's', 't', 'nd', 'st', 'ck'];

/** A word that one can pronounce; the same number, the same word. Two numbers may meet in one. */
function wordOf(number: number): string {
  const chance = new Chance(number * 2_654_435_761);
  const syllable = () => chance.pick(onsets) + chance.pick(nuclei) + chance.pick(codas);
  return Array.from({ length: 2 + chance.int(2) }, syllable).join('');
}

const words = Array.from({ length: topics * topicWords + sharedWords }, (_, n) => wordOf(n));
const topicOf = new Map(
  words.slice(0, topics * topicWords).map((word, n) => [word, Math.floor(n / topicWords)]),
);

/** Rank by Zipf's law, from 0: the inverse of a sum of 1/r, which grows as the logarithm does. */
function zipf(chance: Chance, ranks: number): number {
  return Math.floor((ranks + 1) ** chance.next()) - 1;
}

function topicWord(chance: Chance, topic: number): string {
  return words[topic * topicWords + zipf(chance, topicWords)]!;
}

function anyWord(chance: Chance, topic: number, aside: number): string {
  const draw = chance.next();
  if (draw < 0.5) return fillers[zipf(chance, fillers.length)]!;
  if (draw < 0.7) return topicWord(chance, topic);
  if (draw < 0.8) return topicWord(chance, aside);
  return words[topics * topicWords + zipf(chance, sharedWords)]!;
}

function textOf(chance: Chance, topic: number): string {
  const length = textWords.least + chance.int(textWords.most - textWords.least);
  const aside = chance.int(topics);
  const text = Array.from({ length }, () => anyWord(chance, topic, aside));
  return text.map((word, at) => (at % 12 === 11 ? `${word}.` : word)).join(' ');
}

/** All that is recorded about a company, in order. */
export function* factsOf({ tenantId, documents }: Company, seed: number): Generator<Fact> {
  const chance = new Chance(seed);
  let container = '';
  for (let n = 0; n < documents; n++) {
    const id = `document-${n}`;
    const topic = chance.int(topics);
    const text = textOf(chance, topic);
    const isComment = container !== '' && chance.happens(comments);
    const title = Array.from({ length: 5 }, () => topicWord(chance, topic)).join(' ');
    const status = chance.pick(['draft', 'current', 'archived']);
    const kept = { text, status, team: `team-${chance.int(100)}` };
    const properties = isComment ? { kind: 'comment', ...kept } : { kind: 'page', title, ...kept };
    yield entityCreated({ tenantId, id, type: 'DOCUMENT', properties });
    if (isComment) {
      const link = { tenantId, id: `${id}/container`, from: id, to: container };
      yield linkActivated({ ...link, properties: { role: 'container' } });
    } else container = id;
  }
}

/** What people ask about a topic: some of its words, in a sentence. */
export function questionsOf(count: number, seed: number): readonly string[] {
  const chance = new Chance(seed);
  return Array.from({ length: count }, () => {
    const topic = chance.int(topics);
    const [a, b, c] = Array.from({ length: 3 }, () => topicWord(chance, topic));
    return chance.pick([
      `who knows about ${a} and ${b}?`,
      `how do we ${a} the ${b} when ${c} is not there`,
      `${a} ${b} ${c}`,
    ]);
  });
}

/** Adds up a vector for each word, that of its topic and one of its own; fillers weigh little. */
export class TopicEmbedder implements Embedder {
  readonly model: Embedder['model'];
  readonly textsMax = 256;
  readonly #vectors = new Map<string, Float32Array>();

  constructor(dimensions: number) {
    this.model = { name: 'topics', version: '1', dimensions };
  }

  async embed(texts: readonly string[]): Promise<readonly Float32Array[]> {
    return texts.map((text) => {
      const sum = new Float32Array(this.model.dimensions);
      for (const [word] of text.toLowerCase().matchAll(/\p{L}+/gu))
        add(sum, this.#vectorOf(word), 1);
      return normal(sum);
    });
  }

  async close(): Promise<void> {
    // Nothing is ever under way.
  }

  #vectorOf(word: string): Float32Array {
    const known = this.#vectors.get(word);
    if (known !== undefined) return known;
    const vector = new Float32Array(this.model.dimensions);
    add(vector, this.#random(hashOf(word)), fillers.includes(word) ? 0.1 : 1);
    const topic = topicOf.get(word);
    if (topic !== undefined) add(vector, this.#random(topic), 0.5);
    this.#vectors.set(word, vector);
    return vector;
  }

  /** Of length 1, in a direction of the seed. */
  #random(seed: number): Float32Array {
    const chance = new Chance(seed);
    return normal(Float32Array.from({ length: this.model.dimensions }, () => chance.next() - 0.5));
  }
}

function add(sum: Float32Array, other: Float32Array, weight: number): void {
  for (let at = 0; at < sum.length; at++) sum[at]! += other[at]! * weight;
}

/** Scaled to length 1; a text without words has the same in each dimension. */
function normal(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return length === 0
    ? vector.fill(1 / Math.sqrt(vector.length))
    : vector.map((value) => value / length);
}

/** FNV-1a. */
function hashOf(word: string): number {
  let hash = 0x811c9dc5;
  for (const letter of word) hash = Math.imul(hash ^ letter.codePointAt(0)!, 0x01000193);
  return hash >>> 0;
}
