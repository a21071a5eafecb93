import { describe, expect, it } from 'vitest';
import { limits, Progress } from '#runtime';
import { quiet } from '#test/clock';

const never = new AbortController().signal;

describe('progress', () => {
  it('lets those pass whose position is reached, and no others', async () => {
    const progress = new Progress();
    const passed: number[] = [];
    for (const position of [0, 5, 6, 10]) {
      void progress.reached(position, never).then(() => passed.push(position));
    }
    await quiet();
    expect(passed).toEqual([0]);
    progress.advance(6);
    await quiet();
    expect(passed).toEqual([0, 5, 6]);
    expect(progress.waiting).toBe(1);
    progress.advance(99);
    await quiet();
    expect(passed).toEqual([0, 5, 6, 10]);
    expect(progress.waiting).toBe(0);
  });

  it('never moves back', async () => {
    const progress = new Progress();
    progress.advance(7);
    progress.advance(3);
    expect(progress.position).toBe(7);
    await progress.reached(7, never);
  });

  it('forgets whoever gives up, with their reason', async () => {
    const progress = new Progress();
    const abort = new AbortController();
    const waiting = progress.reached(1, abort.signal);
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(progress.waiting).toBe(0);
    await expect(progress.reached(1, abort.signal)).rejects.toThrow('enough');
    expect(progress.waiting).toBe(0);
  });

  it('leaves no listener on a signal that outlives the wait', async () => {
    const progress = new Progress();
    let listeners = 0;
    const signal = {
      throwIfAborted: () => undefined,
      addEventListener: () => {
        listeners += 1;
      },
      removeEventListener: () => {
        listeners -= 1;
      },
    } as unknown as AbortSignal;
    const waiting = progress.reached(1, signal);
    expect(listeners).toBe(1);
    progress.advance(1);
    await waiting;
    expect(listeners).toBe(0);
  });

  it('refuses to let too many wait', async () => {
    const progress = new Progress();
    const abort = new AbortController();
    const crowd = Array.from({ length: limits.progressWaitersMax }, () =>
      progress.reached(1, abort.signal),
    );
    await expect(progress.reached(1, never)).rejects.toMatchObject({
      code: 'READ_STORE_UNAVAILABLE',
    });
    abort.abort();
    await Promise.allSettled(crowd);
  });
});
