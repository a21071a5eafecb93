import { describe, expect, it } from 'vitest';
import { RuntimeError } from '#runtime';
import { ManualClock, quiet } from '#test/clock';
import { plainIds } from '#test/stage';
import { UpkeepDesk } from '../../../adapters/http/upkeep.ts';

const never = () => new Promise<null>(() => undefined);

describe('the desk of upkeep', () => {
  it('keeps why a rebuild failed, and lets the next begin', async () => {
    const clock = new ManualClock();
    const told: unknown[] = [];
    const audit = { end: (...ended: unknown[]) => told.push(ended) };
    const desk = new UpkeepDesk({ clock, ids: plainIds, audit });
    expect(desk.of('graph')).toBeNull();
    const failing = async () => {
      await clock.advance(1_000);
      throw new RuntimeError('READ_STORE_UNAVAILABLE', 'away');
    };
    expect(desk.begin('rebuild', 'ann', ['graph'], failing)).toMatchObject({
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
    const { id } = desk.of('graph')!;
    expect(told).toEqual([
      [
        { kind: 'admin', who: 'ann', action: 'rebuild', target: 'graph', id },
        { outcome: 'failed', code: 'READ_STORE_UNAVAILABLE' },
      ],
    ]);
    desk.begin('rebuild', 'ann', ['graph'], async () => null);
    await quiet();
    expect(desk.of('graph')).toMatchObject({ state: 'done', error: null });
  });

  it('lets only one at a time work on a projection', async () => {
    const desk = new UpkeepDesk({
      clock: new ManualClock(),
      ids: plainIds,
      audit: { end: () => undefined },
    });
    desk.begin('rebuild', 'ann', ['graph'], never);
    expect(() => desk.begin('verify', 'ann', ['graph'], never)).toThrow(
      expect.objectContaining({ code: 'PROJECTION_BUSY' }),
    );
    desk.begin('rebuild', 'ann', ['links'], never);
  });

  it('shows one of several with each of them, and begins none where one is busy', async () => {
    const desk = new UpkeepDesk({
      clock: new ManualClock(),
      ids: plainIds,
      audit: { end: () => undefined },
    });
    desk.begin('rebuild', 'ann', ['graph', 'history'], async () => null);
    await quiet();
    const both = { kind: 'rebuild', projections: ['graph', 'history'], state: 'done' };
    expect(desk.of('graph')).toMatchObject(both);
    expect(desk.of('history')).toBe(desk.of('graph'));
    desk.begin('verify', 'ann', ['links'], never);
    expect(() => desk.begin('rebuild', 'ann', ['graph', 'links'], never)).toThrow(
      expect.objectContaining({ code: 'PROJECTION_BUSY' }),
    );
    expect(desk.of('graph')).toMatchObject(both);
  });
});
