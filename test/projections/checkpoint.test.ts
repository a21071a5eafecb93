/** Named checkpoints: durable, and guarded like those of projections. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Checkpoint } from '#projections';
import { type StoreUnderTest, storeKinds } from '#test/read-stores';

for (const { name, make } of storeKinds) {
  describe(name, () => {
    let under: StoreUnderTest;
    beforeAll(async () => {
      under = await make();
    });
    afterAll(() => under.dispose());

    it('starts at 0 and moves from where its reader saw it', async () => {
      const checkpoint = new Checkpoint(under.store, 'pages');
      expect(await checkpoint.position()).toBe(0);
      expect(await checkpoint.advance(0, 7)).toBe(7);
      expect(await checkpoint.position()).toBe(7);
      expect(await new Checkpoint(under.store, 'others').position()).toBe(0);
    });

    it('tells a reader that is behind where it stands', async () => {
      const checkpoint = new Checkpoint(under.store, 'race');
      expect(await checkpoint.position()).toBe(0);
      const answers = await Promise.all([checkpoint.advance(0, 5), checkpoint.advance(0, 9)]);
      const position = await checkpoint.position();
      expect([5, 9]).toContain(position);
      expect(answers).toEqual([position, position]);
    });

    it('refuses to move what was never read', async () => {
      const checkpoint = new Checkpoint(under.store, 'unread');
      await expect(checkpoint.advance(0, 1)).rejects.toMatchObject({ code: 'INVARIANT_BROKEN' });
    });

    it('is there after a restart', async () => {
      const checkpoint = new Checkpoint(under.store, 'durable');
      await checkpoint.position();
      await checkpoint.advance(0, 3);
      await under.store.close();
      expect(await new Checkpoint(await under.reopen(), 'durable').position()).toBe(3);
    });
  });
}
