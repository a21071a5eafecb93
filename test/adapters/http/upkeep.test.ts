import { describe, expect, it } from 'vitest';
import { RuntimeError } from '#runtime';
import { ManualClock, quiet } from '#test/clock';
import { plainIds } from '#test/stage';
import { UpkeepDesk } from '../../../adapters/http/upkeep.ts';

const projectorThat = (rebuild: () => Promise<void>) => ({
  name: 'graph',
  rebuild,
  switchBack: () => Promise.reject(new Error('not asked for')),
  verify: () => Promise.reject(new Error('not asked for')),
});

describe('the desk of upkeep', () => {
  it('keeps why a rebuild failed, and lets the next begin', async () => {
    const clock = new ManualClock();
    const desk = new UpkeepDesk({ clock, ids: plainIds });
    expect(desk.of('graph')).toBeNull();
    const failing = projectorThat(async () => {
      await clock.advance(1_000);
      throw new RuntimeError('READ_STORE_UNAVAILABLE', 'away');
    });
    expect(desk.begin(failing, 'rebuild')).toMatchObject({ state: 'running', endedAt: null });
    await quiet();
    await quiet();
    expect(desk.of('graph')).toMatchObject({
      state: 'failed',
      startedAt: '2026-11-24T12:00:00.000Z',
      endedAt: '2026-11-24T12:00:01.000Z',
      error: { code: 'READ_STORE_UNAVAILABLE', message: 'away' },
    });
    desk.begin(
      projectorThat(() => Promise.resolve()),
      'rebuild',
    );
    await quiet();
    expect(desk.of('graph')).toMatchObject({ state: 'done', error: null });
  });

  it('lets only one at a time work on a projection', async () => {
    const desk = new UpkeepDesk({ clock: new ManualClock(), ids: plainIds });
    const slow = projectorThat(() => new Promise(() => undefined));
    desk.begin(slow, 'rebuild');
    expect(() => desk.begin(slow, 'verify')).toThrow(
      expect.objectContaining({ code: 'PROJECTION_BUSY' }),
    );
    desk.begin({ ...slow, name: 'links' }, 'rebuild');
  });
});
