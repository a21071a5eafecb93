/** The exam of every Snapshots. `make` gives a fresh, empty store each time. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Snapshots, StoredSnapshot } from '#runtime';

export interface SnapshotsUnderTest {
  readonly snapshots: Snapshots;
  readonly dispose: () => Promise<void>;
}

const snapshot = (revision: number, state: unknown = { at: revision }): StoredSnapshot => ({
  revision,
  machineVersion: 1,
  state,
});

export function describeSnapshots(name: string, make: () => Promise<SnapshotsUnderTest>): void {
  describe(name, () => {
    let under: SnapshotsUnderTest;
    let snapshots: Snapshots;
    beforeEach(async () => {
      under = await make();
      ({ snapshots } = under);
    });
    afterEach(() => under.dispose());

    it('shares nothing with another store of the same factory', async () => {
      const other = await make();
      try {
        await snapshots.save('entity-acme/1', snapshot(1));
        expect(await other.snapshots.load('entity-acme/1')).toBeNull();
      } finally {
        await other.dispose();
      }
    });

    it('has none of a stream until one is saved, and then only of that stream', async () => {
      expect(await snapshots.load('entity-acme/1')).toBeNull();
      await snapshots.save('entity-acme/1', snapshot(7));
      expect(await snapshots.load('entity-acme/1')).toEqual(snapshot(7));
      expect(await snapshots.load('entity-acme/2')).toBeNull();
    });

    it('keeps the newest, in whatever order they come', async () => {
      for (const revision of [3, 9, 5]) await snapshots.save('entity-acme/1', snapshot(revision));
      expect(await snapshots.load('entity-acme/1')).toEqual(snapshot(9));
    });

    it('keeps the newest of those that are saved at once', async () => {
      const revisions = [4, 8, 2, 16, 1];
      await Promise.all(revisions.map((one) => snapshots.save('entity-acme/1', snapshot(one))));
      expect(await snapshots.load('entity-acme/1')).toEqual(snapshot(16));
    });

    it('replaces one of the same revision, as a new machine does', async () => {
      await snapshots.save('entity-acme/1', snapshot(3));
      await snapshots.save('entity-acme/1', { ...snapshot(3, 'new'), machineVersion: 2 });
      expect(await snapshots.load('entity-acme/1')).toEqual({
        revision: 3,
        machineVersion: 2,
        state: 'new',
      });
    });

    it('keeps the state exactly, whatever happens to the original or to another copy', async () => {
      const state = { name: 'Zoë 🦊\u0000', deep: [[{ '': null }]], n: 1.5e-7, no: false };
      const saved = snapshots.save('entity-acme/1', snapshot(0, state));
      const kept = structuredClone(state);
      state.name = 'changed';
      await saved;
      const copy = (await snapshots.load('entity-acme/1'))!.state as { name: string };
      copy.name = 'mine';
      expect((await snapshots.load('entity-acme/1'))!.state).toEqual(kept);
    });

    it('keeps a state of a megabyte', async () => {
      const state = { text: 'ä'.repeat(1024 * 1024) };
      await snapshots.save('entity-acme/1', snapshot(1, state));
      expect((await snapshots.load('entity-acme/1'))!.state).toEqual(state);
    });
  });
}
