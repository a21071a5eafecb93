import { describe, expect, it } from 'vitest';
import { type AuditLog, type AuditRecord, AuditTrail, limits, RuntimeError } from '#runtime';
import { ManualClock, quiet } from '#test/clock';
import { Recorder } from '#test/telemetry';

const act = { kind: 'admin', who: 'ann', action: 'POST /dead-letters/purge' } as const;
const sent = { kind: 'command', who: 'tenant:acme', action: 'POST /commands' } as const;
const accepted = { outcome: 'accepted' } as const;

/** A record that can be out of order. */
class Pages implements AuditLog {
  readonly lines: AuditRecord[] = [];
  isAway = false;

  async append(records: readonly AuditRecord[]): Promise<void> {
    if (this.isAway) throw new RuntimeError('AUDIT_UNAVAILABLE', 'away');
    this.lines.push(...records);
  }
}

function opened(bounds = {}) {
  const log = new Pages();
  const clock = new ManualClock();
  const telemetry = new Recorder();
  return {
    log,
    clock,
    telemetry,
    trail: new AuditTrail({ log, clock, telemetry, limits: bounds }),
  };
}

describe('a trail', () => {
  it('has an act on record before it is done, and how it went after it', async () => {
    const { log, trail } = opened();
    await trail.begin(act);
    expect(log.lines).toEqual([{ at: '2026-11-24T12:00:00.000Z', ...act, outcome: 'begun' }]);
    trail.end(act, { outcome: 'failed', code: 'BUS_UNAVAILABLE' });
    await trail.close();
    expect(log.lines.slice(1)).toMatchObject([
      { ...act, outcome: 'failed', code: 'BUS_UNAVAILABLE' },
    ]);
  });

  it('refuses an act that can not be on record', async () => {
    const { log, trail } = opened();
    log.isAway = true;
    await expect(trail.begin(act)).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' });
    await trail.close();
  });

  it('cuts what an act is done to', async () => {
    const { log, trail } = opened({ auditTargetCharsMax: 3 });
    await trail.begin({ ...act, target: 'abcdef' });
    expect(log.lines[0]?.target).toBe('abc');
    await trail.close();
  });

  it('counts the same by the minute, and says since when', async () => {
    const { clock, log, trail } = opened();
    trail.count(sent, accepted);
    await clock.advance(1_000);
    trail.count(sent, accepted);
    trail.count(sent, { outcome: 'refused', code: 'MESSAGE_INVALID' });
    expect(log.lines).toEqual([]);
    await clock.advance(limits.auditCountMs);
    await quiet();
    const at = '2026-11-24T12:00:01.000Z';
    const since = '2026-11-24T12:00:00.000Z';
    expect(log.lines).toEqual([
      { at, ...sent, ...accepted, count: 2, since },
      { at, ...sent, outcome: 'refused', code: 'MESSAGE_INVALID', count: 1, since: at },
    ]);
    await clock.advance(limits.auditCountMs * 3);
    expect(log.lines).toHaveLength(2);
    await trail.close();
    expect(clock.waiting).toBe(0);
  });

  it('writes no flood of lines of a flood of names, and counts every one', async () => {
    const { log, trail } = opened();
    for (let i = 0; i < 100_000; i++) {
      const from = `10.0.${i % 256}.${i % 251}`;
      trail.count({ ...sent, who: `tenant:${i}`, from }, accepted);
    }
    await trail.close();
    expect(log.lines).toHaveLength(limits.auditCountsMax + 1);
    expect(log.lines.reduce((sum, { count = 0 }) => sum + count, 0)).toBe(100_000);
    expect(log.lines.at(-1)).toMatchObject({
      who: 'others',
      count: 100_000 - limits.auditCountsMax,
    });
  });

  it('writes what it owes when that can be written again, in order', async () => {
    const { clock, log, telemetry, trail } = opened();
    log.isAway = true;
    trail.end({ ...act, id: '1' }, { outcome: 'done' });
    await quiet();
    const [told] = telemetry.all('background-failed');
    expect(told?.error).toMatchObject({ code: 'AUDIT_UNAVAILABLE' });
    trail.end({ ...act, id: '2' }, { outcome: 'done' });
    await quiet();
    log.isAway = false;
    await clock.advance(limits.auditCountMs);
    await quiet();
    expect(log.lines.map(({ id }) => id)).toEqual(['1', '2']);
    await trail.close();
    expect(log.lines).toHaveLength(2);
  });

  it('owes a bounded number of lines, and tells which are lost', async () => {
    const { log, telemetry, trail } = opened({ auditOwedMax: 2 });
    log.isAway = true;
    for (const id of ['1', '2', '3']) {
      trail.end({ ...act, id }, { outcome: 'done' });
      await quiet();
    }
    log.isAway = false;
    await trail.close();
    expect(log.lines.map(({ id }) => id)).toEqual(['2', '3']);
    const told = telemetry.all('background-failed').map(({ error }) => error.message);
    expect(told.join()).toContain('1 lines of the audit log are lost: {"at"');
  });
});
