import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { HashingEmbedder, openTransformersEmbedder } from '#adapters/embedders';
import { until } from '#test/until';
import { cosine, describeEmbedder } from '../contracts/embedder.ts';

const { signal } = new AbortController();

for (const dimensions of [64, 384, 2_000]) {
  describeEmbedder(`the hashing embedder of ${dimensions} dimensions`, async () => {
    const embedder = new HashingEmbedder(dimensions);
    return { embedder, dispose: () => embedder.close() };
  });
}

describe('hashed features', () => {
  const embedder = new HashingEmbedder(384);
  const likeness = async (one: string, other: string) => {
    const [first, second] = await embedder.embed([one, other], signal);
    return cosine(first!, second!);
  };

  it('are of one algorithm on all machines, or its version is another', async () => {
    const text =
      'Überprüfung von LOGIN-42: „déjà vu“ ﬁx 数据库 データ 안녕 мир नमस्ते, the 2nd time the the';
    const [vector] = await embedder.embed([text], signal);
    const digest = createHash('sha256').update(new Uint8Array(vector!.buffer)).digest('hex');
    expect([embedder.model.version, digest.slice(0, 16)]).toEqual(['1-384', 'efba1def286d9393']);
  });

  it('pass over case, European accents, and the two ways to write a letter', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 50 }), async (text) => {
        expect(await likeness(text, text.normalize('NFD'))).toBeCloseTo(1, 5);
      }),
    );
    expect(await likeness('Überprüfung der Façade', 'uberprufung DER facade')).toBeCloseTo(1, 5);
  });

  it('find a word again in its forms, in a misspelling, and without spaces', async () => {
    const stranger = await likeness('deployment', 'kubernetes');
    expect(await likeness('deployment', 'deployed')).toBeGreaterThan(stranger + 0.2);
    expect(await likeness('authentication', 'authentcation')).toBeGreaterThan(stranger + 0.2);
    expect(await likeness('数据库连接超时', '数据库')).toBeGreaterThan(0.4);
  });

  it('tell apart what has the same words in another order', async () => {
    const [text, order] = ['the issue blocks the page', 'the page blocks the issue'];
    expect(await likeness(text, order)).toBeLessThan(0.98);
  });

  it('count words that say something more than those that every text has', async () => {
    const query = 'why does the login fail';
    const [answer, chatter] = ['login broken', 'why does the cake not last'];
    expect(await likeness(query, answer)).toBeGreaterThan(await likeness(query, chatter));
  });

  it('of a long blob do not bury the words beside it', async () => {
    const blob = 'QmFzZTY0'.repeat(150);
    expect(await likeness(`login fails ${blob}`, 'login fails')).toBeGreaterThan(0.4);
  });
});

/** Stands in for the package, with vectors of the hashing embedder: no weights can be had here. */
const standIn = async () => ({
  env: { allowRemoteModels: true },
  pipeline: async () => {
    const embedder = new HashingEmbedder(64);
    const extract = async (texts: readonly string[]) => {
      const vectors = await embedder.embed(texts, signal);
      const data = Float32Array.from(vectors.flatMap((vector) => [...vector]));
      return { dims: [texts.length, 64], data };
    };
    return Object.assign(extract, { dispose: async () => undefined });
  },
});

const folder = mkdtempSync(join(tmpdir(), 'cognisync-model-'));
afterAll(() => rmSync(folder, { recursive: true }));

describeEmbedder('the embedder of a local folder', async () => {
  const embedder = await openTransformersEmbedder(folder, standIn);
  return { embedder, dispose: () => embedder.close() };
});

describe('a local folder', () => {
  it('lets a call that is left go at once, and runs one at a time', async () => {
    const runs: (() => void)[] = [];
    const { env, pipeline } = await standIn();
    const slowly = async () => {
      const extract = await pipeline();
      const slow = async (texts: readonly string[]) => {
        if (!texts.includes('word')) await new Promise<void>((resolve) => runs.push(resolve));
        return extract(texts);
      };
      return Object.assign(slow, { dispose: extract.dispose });
    };
    const embedder = await openTransformersEmbedder(folder, async () => ({
      env,
      pipeline: slowly,
    }));
    expect(env.allowRemoteModels).toBe(false);
    const leaving = new AbortController();
    const first = embedder.embed(['one'], signal);
    const left = embedder.embed(['two'], leaving.signal);
    const last = embedder.embed(['three'], signal);
    await until('one runs', () => runs.length === 1);
    leaving.abort(new Error('nobody waits'));
    await expect(left).rejects.toBe(leaving.signal.reason);
    runs[0]?.();
    expect(await first).toHaveLength(1);
    await until('another runs', () => runs.length === 2);
    const closed = embedder.close();
    runs[1]?.();
    expect(await last).toHaveLength(1);
    await closed;
    await expect(embedder.embed(['four'], signal)).rejects.toMatchObject({
      code: 'EMBEDDER_UNAVAILABLE',
    });
  });

  it('is another version when any of its files is another', async () => {
    const versionOf = async () => (await openTransformersEmbedder(folder, standIn)).model.version;
    const versions = [await versionOf()];
    for (const weights of ['one', 'two']) {
      writeFileSync(join(folder, 'model.onnx'), weights);
      versions.push(await versionOf());
    }
    expect(new Set(versions).size).toBe(3);
    expect(await versionOf()).toBe(versions[2]);
  });

  it('says which folder is not there, which holds no model, and which package is not installed', async () => {
    const missing = openTransformersEmbedder(join(folder, 'none'));
    await expect(missing).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`${folder}/none can't be read (ENOENT)`),
    });
    const uninstalled = openTransformersEmbedder(folder, async () => {
      throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
    });
    await expect(uninstalled).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('npm install @huggingface/transformers'),
    });
    const empty = openTransformersEmbedder(folder, async () => ({
      env: { allowRemoteModels: true },
      pipeline: async () => {
        throw new Error('no config.json');
      },
    }));
    await expect(empty).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      data: { mistakes: [expect.stringContaining('no config.json')] },
    });
  });
});
