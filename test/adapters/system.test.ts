import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { systemClock, systemIds } from '#adapters/system';

describe('the system ids', () => {
  // Made with another implementation: Python's uuid.uuid5.
  it.each([
    ['', '1859ff2f-d6cd-595c-81d9-bba650997b9e'],
    ['a', '6f12683a-de8d-504e-8806-fd629696e9ef'],
    ['message-1/entity-acme/issue-1/0', '47b40008-0f44-554c-9696-5829932fa641'],
    ['Zoë 漢字 🦊', '7f0743e4-9583-5285-9cad-5456713a9ab1'],
  ])('names %j as RFC 9562 says', (name, id) => {
    expect(systemIds.named(name)).toBe(id);
  });

  it('are UUIDs of their version and variant', () => {
    for (let at = 0; at < 100; at++) {
      expect(systemIds.named(`${at}`)).toMatch(
        /^[\da-f]{8}-[\da-f]{4}-5[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
      );
      expect(systemIds.random()).toMatch(
        /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
      );
    }
  });

  it('never draw the same one twice, and chance within [0, 1)', () => {
    const drawn = Array.from({ length: 1_000 }, () => systemIds.random());
    expect(new Set(drawn).size).toBe(1_000);
    for (const _ of drawn) {
      const chance = systemIds.chance();
      expect(chance).toBeGreaterThanOrEqual(0);
      expect(chance).toBeLessThan(1);
    }
  });
});

describe('the system clock', () => {
  it('tells milliseconds since the epoch', () => {
    const [before, now, after] = [Date.now(), systemClock.now(), Date.now()];
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(after);
  });

  it('resolves a sleep that is over, and leaves nothing on the signal', async () => {
    const { signal } = new AbortController();
    await systemClock.sleep(1);
    await systemClock.sleep(1, signal);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it("rejects a sleep with the signal's reason as soon as it is aborted", async () => {
    const reason = new Error('enough');
    const abort = new AbortController();
    const sleep = systemClock.sleep(60_000, abort.signal);
    abort.abort(reason);
    await expect(sleep).rejects.toBe(reason);
    await expect(systemClock.sleep(60_000, abort.signal)).rejects.toBe(reason);
  });
});
