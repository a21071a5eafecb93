/** The conformance suite for `Blobs`: what the port promises, held to every adapter. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Blobs } from '#runtime';

export interface BlobsUnderTest {
  readonly blobs: Blobs;
  /** The same store opened again, as another node or a restart has it. */
  reopen(): Promise<Blobs>;
  dispose(): Promise<void>;
}

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array | null) =>
  bytes === null ? null : Buffer.from(bytes).toString();

export function describeBlobs(name: string, make: () => Promise<BlobsUnderTest>): void {
  describe(name, () => {
    let under: BlobsUnderTest;
    let blobs: Blobs;
    beforeEach(async () => {
      under = await make();
      blobs = under.blobs;
    });
    afterEach(() => under.dispose());

    it('starts empty', async () => {
      expect(await blobs.get('acme/one')).toBeNull();
    });

    it('keeps bytes as they came, by name', async () => {
      const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
      await blobs.put('acme/every', every);
      await blobs.put('beta/every', bytesOf('another'));
      expect(Uint8Array.from((await blobs.get('acme/every'))!)).toEqual(every);
      expect(textOf(await blobs.get('beta/every'))).toBe('another');
      expect(await blobs.get('acme/other')).toBeNull();
    });

    it('keeps none and many bytes', async () => {
      const many = new Uint8Array(8 * 1024 * 1024).fill(7);
      await Promise.all([blobs.put('acme/none', new Uint8Array()), blobs.put('acme/many', many)]);
      expect((await blobs.get('acme/none'))?.byteLength).toBe(0);
      expect(Buffer.compare((await blobs.get('acme/many'))!, many)).toBe(0);
    });

    it('is there for whoever opens it next', async () => {
      await blobs.put('acme/one', bytesOf('kept'));
      expect(textOf(await (await under.reopen()).get('acme/one'))).toBe('kept');
    });

    it('replaces what is put again', async () => {
      await blobs.put('acme/one', bytesOf('a longer first'));
      await blobs.put('acme/one', bytesOf('second'));
      expect(textOf(await blobs.get('acme/one'))).toBe('second');
    });

    it('shows a reader one of the two while it is replaced', async () => {
      const [first, second] = ['1', '2'].map((digit) => bytesOf(digit.repeat(300_000)));
      await blobs.put('acme/one', first!);
      const seen = await Promise.all([
        blobs.put('acme/one', second!),
        ...Array.from({ length: 5 }, () => blobs.get('acme/one')),
      ]);
      for (const bytes of seen.slice(1)) {
        expect([first, second].some((one) => Buffer.compare(one!, bytes!) === 0)).toBe(true);
      }
    });

    it('forgets what is removed, and nothing else', async () => {
      await blobs.put('acme/one', bytesOf('1'));
      await blobs.put('acme/two', bytesOf('2'));
      await blobs.remove('acme/one');
      await blobs.remove('acme/one');
      expect(await blobs.get('acme/one')).toBeNull();
      expect(textOf(await blobs.get('acme/two'))).toBe('2');
    });

    it('takes a tenant and a UUID of any length that they may have', async () => {
      const name = `${'T'.repeat(64)}/${'0'.repeat(36)}`;
      await blobs.put(name, bytesOf('long'));
      expect(textOf(await blobs.get(name))).toBe('long');
    });

    it.each([
      '../secret',
      'acme/../../secret',
      '/etc/passwd',
      'acme',
      'acme/a/b',
      'acme/',
      'a\0/b',
      '',
    ])('has nothing under %j, which names no blob', async (name) => {
      expect(await blobs.get(name)).toBeNull();
      await blobs.remove(name);
      await expect(async () => blobs.put(name, bytesOf('x'))).rejects.toMatchObject({
        code: 'INVARIANT_BROKEN',
      });
    });
  });
}
