/**
 * Waking actors and keeping them awake: 100,000 actors with ten events each get a message that is no
 * news to them; what one awake actor holds of the heap.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { onTheBus } from '#test/messages';
import type { Benchmark } from './report.ts';
import { command, drive, inFolder, openRig } from './rig.ts';

const actors = 50_000;
const eventsEach = 4;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

export const activate: Benchmark = (say) =>
  inFolder(async (folder) => {
    say(`${actors} actors with ${eventsEach} events each`);
    const filling = await openRig(folder);
    for (let at = 0; at < eventsEach; at++) {
      const messages = Array.from({ length: actors }, (_, index) => onTheBus(command(index, at)));
      await drive(filling, messages, 2_048);
    }
    await filling.close();

    const rig = await openRig(folder);
    const wake = Array.from({ length: actors }, (_, index) => onTheBus(command(index, 0)));
    collect();
    const heapBefore = process.memoryUsage().heapUsed;
    const start = performance.now();
    await drive(rig, wake, 256);
    const seconds = (performance.now() - start) / 1000;
    collect();
    const bytes = (process.memoryUsage().heapUsed - heapBefore) / rig.runtime.activeActors;

    const again = performance.now();
    await drive(rig, wake, 256);
    const warmSeconds = (performance.now() - again) / 1000;
    await rig.close();
    return [
      { label: 'actors woken', unit: '/s', value: actors / seconds },
      { label: 'messages to awake actors, no news', unit: '/s', value: actors / warmSeconds },
      { label: 'heap of an awake actor', unit: 'bytes', value: bytes },
    ];
  });
