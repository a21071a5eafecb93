/**
 * An embedding model of ONNX weights in a local folder, run in this process by transformers.js.
 *
 * The package is a peer that only those install who want it: with its native runtime it is larger than
 * all the rest. It is loaded when such an embedder is opened, and told to fetch nothing from anywhere.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { abortable, type Embedder, type EmbedderModel, limits, RuntimeError } from '#runtime';

/** What we use of the package. */
export interface TransformersPackage {
  readonly env: { allowRemoteModels: boolean };
  pipeline(
    task: 'feature-extraction',
    folder: string,
    options: { local_files_only: boolean; device: 'cpu' },
  ): Promise<Extractor>;
}

interface Extractor {
  (
    texts: readonly string[],
    options: { pooling: 'mean'; normalize: boolean },
  ): Promise<{ readonly dims: readonly number[]; readonly data: Float32Array }>;
  dispose(): Promise<unknown>;
}

const packageName = '@huggingface/transformers';

/**
 * Opens the model in a folder that is laid out as on the Hugging Face hub (`config.json`,
 * `tokenizer.json`, `onnx/model.onnx`). Takes some seconds: all files are read once to tell the version,
 * and a word is embedded to tell the dimensions. Rejects with CONFIG_INVALID.
 */
export async function openTransformersEmbedder(
  folder: string,
  load: () => Promise<TransformersPackage> = () => import(packageName),
): Promise<Embedder> {
  const version = await versionOf(folder);
  const { env, pipeline } = await loaded(load);
  env.allowRemoteModels = false;
  try {
    const options = { local_files_only: true, device: 'cpu' } as const;
    const extractor = await pipeline('feature-extraction', folder, options);
    const [vector] = await vectorsOf(extractor, ['word']);
    const model = { name: basename(folder), version, dimensions: vector!.length };
    return new TransformersEmbedder(extractor, model);
  } catch (cause) {
    throw invalid(
      `${folder} holds no model that can be loaded: ${(cause as Error).message}`,
      cause,
    );
  }
}

class TransformersEmbedder implements Embedder {
  readonly model: EmbedderModel;
  readonly textsMax = limits.embedTextsMax;
  readonly #extractor: Extractor;
  /** The run that is under way; one at a time, as each takes all cores. */
  #last: Promise<unknown> = Promise.resolve();
  /** Those too whom nobody waits for any more, until it is their turn. */
  #waiting = 0;
  #isClosed = false;

  constructor(extractor: Extractor, model: EmbedderModel) {
    this.#extractor = extractor;
    this.model = model;
  }

  async embed(texts: readonly string[], signal: AbortSignal): Promise<readonly Float32Array[]> {
    signal.throwIfAborted();
    if (texts.length === 0) return [];
    if (this.#waiting >= limits.embedWaitingMax) throw unavailable('too many calls wait for it');
    this.#waiting += 1;
    const run = this.#last.then(() => this.#run(texts, signal));
    const onEnd = () => {
      this.#waiting -= 1;
    };
    this.#last = run.then(onEnd, onEnd);
    return abortable(run, signal);
  }

  /** What is running can't be stopped; it is waited for. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#last;
    await this.#extractor.dispose();
  }

  async #run(texts: readonly string[], signal: AbortSignal): Promise<readonly Float32Array[]> {
    signal.throwIfAborted();
    if (this.#isClosed) throw unavailable('it is closed');
    try {
      return await vectorsOf(this.#extractor, texts);
    } catch (cause) {
      throw unavailable((cause as Error).message, cause);
    }
  }
}

async function vectorsOf(
  extractor: Extractor,
  texts: readonly string[],
): Promise<readonly Float32Array[]> {
  const { data, dims } = await extractor(texts, { pooling: 'mean', normalize: true });
  const dimensions = dims.at(-1)!;
  return texts.map((_, at) => data.slice(at * dimensions, (at + 1) * dimensions));
}

async function loaded(load: () => Promise<TransformersPackage>): Promise<TransformersPackage> {
  try {
    return await load();
  } catch (cause) {
    const isMissing = (cause as { code?: string }).code === 'ERR_MODULE_NOT_FOUND';
    const why = isMissing ? 'is not installed' : `can't be loaded (${(cause as Error).message})`;
    throw invalid(`${packageName} ${why}; run: npm install ${packageName}`, cause);
  }
}

/** A digest of all files and their names: other weights or another tokenizer, another version. */
async function versionOf(folder: string): Promise<string> {
  const digest = createHash('sha256');
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    for (const path of files.map((file) => join(file.parentPath, file.name)).sort()) {
      digest.update(`${relative(folder, path)}\0`);
      for await (const part of createReadStream(path)) digest.update(part);
    }
  } catch (cause) {
    throw invalid(`${folder} can't be read (${(cause as { code?: string }).code})`, cause);
  }
  return digest.digest('hex').slice(0, 16);
}

function invalid(problem: string, cause: unknown): RuntimeError {
  const message = `EMBEDDINGS_MODEL_FOLDER: ${problem}`;
  return new RuntimeError('CONFIG_INVALID', message, { data: { mistakes: [message] }, cause });
}

function unavailable(message: string, cause?: unknown): RuntimeError {
  return new RuntimeError('EMBEDDER_UNAVAILABLE', `the local model: ${message}`, { cause });
}
