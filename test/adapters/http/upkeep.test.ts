import { describe, expect, it } from 'vitest';
import { RuntimeError } from '#runtime';
import { ManualClock, quiet } from '#test/clock';
import { plainIds } from '#test/stage';
import { UpkeepDesk } from '../../../adapters/http/upkeep.ts';

const never = () => new Promise<null>(() => undefined);

describe('the desk of upkeep', () => {
  it('keeps why a rebuild failed, and lets the next begin', async () => {
    const clock = new ManualClock();
    const desk = new UpkeepDesk({ clock, ids: plainIds });
    expect(desk.of('graph')).toBeNull();
    const failing = async () => {
      await clock.advance(1_000);
      throw new RuntimeError('READ_STORE_UNAVAILABLE', 'away');
    };
    expect(desk.begin('rebuild', ['graph'], failing)).toMatchObject({
      state: 'running',
      endedAt: null,
    });
    await quiet();
    await quiet();
    expect(desk.of('graph')).toMatchObject({
      state: 'failed',
      startedAt: '2026-11-24T12:00:00.000Z',
      endedAt: '2026-11-24T12:00:01.000Z',
      error: { code: 'READ_STORE_UNAVAILABLE', message: 'away' },
    });
    desk.begin('rebuild', ['graph'], async () => null);
    await quiet();
    expect(desk.of('graph')).toMatchObject({ state: 'done', error: null });
  });

  it('lets only one at a time work on a projection', async () => {
    const desk = new UpkeepDesk({ clock: new ManualClock(), ids: plainIds });
    desk.begin('rebuild', ['graph'], never);
    expect(() => desk.begin('verify', ['graph'], never)).toThrow(
      expect.objectContaining({ code: 'PROJECTION_BUSY' }),
    );
    desk.begin('rebuild', ['links'], never);
  });

  it('shows one of several with each of them, and begins none where one is busy', async () => {
    const desk = new UpkeepDesk({ clock: new ManualClock(), ids: plainIds });
    desk.begin('rebuild', ['graph', 'history'], async () => null);
    await quiet();
    const both = { kind: 'rebuild', projections: ['graph', 'history'], state: 'done' };
    expect(desk.of('graph')).toMatchObject(both);
    expect(desk.of('history')).toBe(desk.of('graph'));
    desk.begin('verify', ['links'], never);
    expect(() => desk.begin('rebuild', ['graph', 'links'], never)).toThrow(
      expect.objectContaining({ code: 'PROJECTION_BUSY' }),
    );
    expect(desk.of('graph')).toMatchObject(both);
  });
});
