/**
 * POST /commands: one message for an actor, as the contracts have it.
 *
 * Checked at the edge, so that a producer hears at once what is wrong; then the bus has it as it came.
 * 202 says that it is durable: its events are in the log, or the message is in the dead letters (an
 * actor may refuse what its contract allows, such as its 257th property).
 */
import Type from 'typebox';
import { contracts, publicContracts } from '#actors';
import { RuntimeError } from '#runtime';
import { tellPosition } from './at-least.ts';
import type { Gate } from './gate.ts';
import { type Http, refusals } from './http.ts';
import { bytesOf } from './raw-body.ts';
import { assertMayWriteFor, TenantHeader } from './tenant.ts';

const Accepted = Type.Object({ messageId: Type.String() });

export function commandRoutes(app: Http, gate: Gate): void {
  app.post(
    '/commands',
    {
      schema: {
        tags: ['commands'],
        summary: 'Send one message',
        description:
          'The tenant is the message’s own; with X-Tenant-Id the two must be the same. ' +
          'A repeat with the same messageId has no effect. `x-log-position`, where the node knows it, is ' +
          'the `atLeast` of a read that shows what was written.',
        headers: TenantHeader,
        body: Type.Union(Object.values(publicContracts)),
        response: { 202: Accepted, ...refusals },
      },
      // The contracts check, with errors of their own; the schema above is for the reader.
      validatorCompiler: () => () => true,
    },
    async (request, reply) => {
      const body = bytesOf(request);
      const { envelope } = contracts.read(body);
      const { messageId, messageType, tenantId } = envelope;
      request.who = `tenant:${tenantId}`;
      if (!Object.hasOwn(publicContracts, messageType)) {
        const message = `${messageType} is a message between our own actors`;
        throw new RuntimeError('MESSAGE_TYPE_UNKNOWN', message, { data: { messageId } });
      }
      assertMayWriteFor(tenantId, request);
      const { backend } = gate;
      const text = Buffer.from(body).toString('utf8');
      await backend.bus.publish([{ messageId, messageType, body: text }]);
      await tellPosition(reply, backend);
      return reply.code(202).send({ messageId });
    },
  );
}
