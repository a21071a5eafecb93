/** The exam of every Broadcast. `make` gives fresh ones each time, as two nodes have them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Broadcast, Channel, Limits, Listener } from '#runtime';
import type { Recorder } from '#test/telemetry';
import { until } from '#test/until';

export interface BroadcastUnderTest {
  /** Two nodes; the same one twice where there is one only. */
  readonly nodes: readonly [Broadcast, Broadcast];
  /** What the first node tells of itself. */
  readonly telemetry: Recorder;
  readonly dispose: () => Promise<void>;
}

/** What the factory must hold its broadcasts to, so that a test reaches them. */
export const broadcastTestLimits = {
  broadcastCharsMax: 100_000,
  broadcastListenersMax: 300,
} satisfies Partial<Limits>;

/** Keeps what it hears. */
export class Ear implements Listener {
  readonly heard: string[] = [];
  misses = 0;

  message(text: string): void {
    this.heard.push(text);
  }

  missed(): void {
    this.misses += 1;
  }
}

export const channel = (topic = 'notifications', tenantId = 'acme'): Channel => ({
  topic,
  tenantId,
});

/** Listens, and resolves when what is published from now on is heard. */
export async function listening(
  broadcast: Broadcast,
  to: Channel = channel(),
): Promise<{ readonly ear: Ear; readonly end: () => void }> {
  const ear = new Ear();
  const end = broadcast.subscribe(to, ear);
  await until('it hears', () => ear.misses > 0);
  return { ear, end };
}

export function describeBroadcast(name: string, make: () => Promise<BroadcastUnderTest>): void {
  describe(name, () => {
    let under: BroadcastUnderTest;
    let [here, there] = [] as unknown as readonly [Broadcast, Broadcast];
    beforeEach(async () => {
      under = await make();
      [here, there] = under.nodes;
    });
    afterEach(() => under.dispose());

    /** Resolves when what was published before has been heard by this ear. */
    const heardAll = async (ear: Ear, by: Broadcast = here, on: Channel = channel()) => {
      expect(await by.publish(on, ['the last'])).toBe('sent');
      await until('the last is heard', () => ear.heard.at(-1) === 'the last');
      return ear.heard.splice(0).slice(0, -1);
    };

    it('shares nothing with another broadcast of the same factory', async () => {
      const other = await make();
      try {
        const { ear } = await listening(here);
        const { ear: stranger } = await listening(other.nodes[0]);
        await here.publish(channel(), ['mine']);
        expect(await heardAll(ear)).toEqual(['mine']);
        expect(await heardAll(stranger, other.nodes[0])).toEqual([]);
      } finally {
        await other.dispose();
      }
    });

    it('tells every listener on every node what is published, in order', async () => {
      const ears = await Promise.all([here, there, there].map((node) => listening(node)));
      const messages = Array.from({ length: 500 }, (_, i) => `message ${i}`);
      expect(await here.publish(channel(), messages.slice(0, 300))).toBe('sent');
      expect(await here.publish(channel(), messages.slice(300))).toBe('sent');
      for (const { ear } of ears) {
        await until('all are heard', () => ear.heard.length >= 500);
        expect(ear.heard).toEqual(messages);
      }
    });

    it('tells that hearing begins, once, and hears all from there on', async () => {
      const { ear } = await listening(there);
      await here.publish(channel(), ['first']);
      expect(await heardAll(ear)).toEqual(['first']);
      const { ear: second } = await listening(there);
      expect([ear.misses, second.misses]).toEqual([1, 1]);
    });

    it('keeps tenants and topics apart', async () => {
      const { ear } = await listening(there);
      for (const other of [
        channel('notifications', 'beta'),
        channel('notifications', 'acme.'),
        channel('query-results'),
        channel('notifications:acme'),
        channel('missed'),
      ]) {
        expect(await here.publish(other, ['not yours'])).toBe('sent');
      }
      expect(await heardAll(ear)).toEqual([]);
      expect(ear.misses).toBe(1);
    });

    it('keeps texts exactly, and a list of none is none', async () => {
      const { ear } = await listening(there);
      const texts = ['', '{"a":"Zoë 🦊\\u0000"}', '\u0000\r\n', 'x'.repeat(100_000)];
      await here.publish(channel(), texts);
      expect(await here.publish(channel(), [])).toBe('sent');
      expect(await heardAll(ear)).toEqual(texts);
    });

    it('hears a hundred channels at once', async () => {
      const channels = Array.from({ length: 100 }, (_, i) => channel('notifications', `t${i}`));
      const ears = await Promise.all(channels.map((one) => listening(there, one)));
      await Promise.all(channels.map((one) => here.publish(one, [one.tenantId])));
      for (const [i, { ear }] of ears.entries()) {
        expect(await heardAll(ear, here, channels[i])).toEqual([`t${i}`]);
      }
    });

    it('calls a listener no more when it has ended, and goes on with the others', async () => {
      const [first, second] = [await listening(there), await listening(there)];
      first.end();
      first.end();
      await here.publish(channel(), ['one']);
      expect(await heardAll(second.ear)).toEqual(['one']);
      second.end();
      const third = await listening(there);
      first.end();
      expect(await heardAll(third.ear)).toEqual([]);
      expect([first.ear.heard, second.ear.heard]).toEqual([[], []]);
    });

    it('lets a listener end others, and itself, while it is told', async () => {
      const ends: (() => void)[] = [];
      const heard: string[] = [];
      const listener = (id: string): Listener => ({
        missed: () => undefined,
        message: () => {
          heard.push(id);
          for (const end of ends) end();
        },
      });
      ends.push(
        there.subscribe(channel(), listener('a')),
        there.subscribe(channel(), listener('b')),
      );
      const { ear } = await listening(there);
      await here.publish(channel(), ['one', 'two']);
      await heardAll(ear);
      expect(heard).toEqual(['a']);
    });

    it('lets a listener that throws disturb nobody, and says so', async () => {
      const failing: Listener = {
        missed: () => undefined,
        message: () => {
          throw new Error('of its own');
        },
      };
      here.subscribe(channel(), failing);
      const { ear } = await listening(here);
      await here.publish(channel(), ['one', 'two']);
      expect(await heardAll(ear)).toEqual(['one', 'two']);
      const { error } = await under.telemetry.first('background-failed');
      expect(error.message).toBe('of its own');
    });

    it('drops what is too large, says so, and all listeners learn that they missed some', async () => {
      const [same, other] = [await listening(there), await listening(there, channel('other'))];
      const large = 'x'.repeat(100_001);
      expect(await here.publish(channel(), ['one', large, 'two'])).toBe('dropped');
      expect(await heardAll(same.ear)).toEqual(['one', 'two']);
      await until('both know', () => same.ear.misses > 1 && other.ear.misses > 1);
      expect(await under.telemetry.first('broadcast-dropped')).toMatchObject({ messages: 1 });
    });

    it.each([
      channel('', 'acme'),
      channel('a b'),
      channel('*'),
      channel('x'.repeat(129)),
      channel('notifications', ''),
      channel('notifications', 'a:b'),
      channel('notifications', '*'),
    ])('refuses %j, which is no channel', async (none) => {
      const refused = { code: 'INVARIANT_BROKEN' };
      await expect(here.publish(none, ['one'])).rejects.toMatchObject(refused);
      expect(() => here.subscribe(none, new Ear())).toThrow(expect.objectContaining(refused));
    });

    it('refuses listeners above its bound, until one ends', async () => {
      const ends = Array.from({ length: 300 }, () => here.subscribe(channel(), new Ear()));
      const saturated = expect.objectContaining({ code: 'BUS_SATURATED' });
      expect(() => here.subscribe(channel('other'), new Ear())).toThrow(saturated);
      ends[0]!();
      await listening(here, channel('other'));
    });

    it('calls nobody any more when it is closed', async () => {
      const { ear } = await listening(here);
      await here.close();
      if (here !== there) await there.publish(channel(), ['one']);
      await here.publish(channel(), ['two']);
      expect(ear.heard).toEqual([]);
      expect(ear.misses).toBe(1);
    });
  });
}
