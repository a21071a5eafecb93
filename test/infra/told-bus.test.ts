import { describe, expect, it } from 'vitest';
import { RuntimeError } from '#runtime';
import { stage } from '#test/stage';
import { ToldBus } from '../../infra/told-bus.ts';
import { messageFor } from '../contracts/bus.ts';

describe('a bus that tells', () => {
  it('tells what was published, when the bus has taken it', async () => {
    const { bus, clock, telemetry } = await stage();
    const told = new ToldBus(bus, { clock, telemetry });
    const messages = [
      { ...messageFor('issue-1'), messageType: 'CREATE_ENTITY' },
      messageFor('issue-2'),
    ];
    await told.publish(messages);
    expect(telemetry.all('messages-published')).toEqual([
      { name: 'messages-published', messages, ms: 0 },
    ]);
  });

  it('tells why the bus did not take it, and lets the publisher hear of it', async () => {
    const { bus, clock, runtime, telemetry } = await stage();
    const told = new ToldBus(bus, { clock, telemetry });
    await runtime.stop();
    const refused = told.publish([messageFor('issue-1')]);
    await expect(refused).rejects.toBeInstanceOf(RuntimeError);
    expect(telemetry.all('messages-published')).toMatchObject([{ code: 'SHUTTING_DOWN' }]);
  });
});
