import { afterEach, expect, it } from 'vitest';
import { openHttp } from '#adapters/http';
import { systemIds } from '#adapters/system';
import { ManualClock } from '#test/clock';
import { ask, unreadAudit } from '#test/served';
import { createLogger } from '../../../infra/logging.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

async function served() {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const logger = createLogger('error', (line) => line, stream);
  const clock = new ManualClock();
  const server = await openHttp({
    version: '0.0.0-test',
    logger,
    clock,
    ids: systemIds,
    operators: [],
    audit: unreadAudit(),
  });
  closing.push(() => server.close());
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  const said = () => lines.map((line) => JSON.parse(line));
  return { clock, logger, said, server, ask: (body?: unknown) => ask(url, '/log-level', { body }) };
}

it('changes while the process runs, also before the node is up, and the log says so', async () => {
  const { ask, logger, said } = await served();
  expect((await ask()).body).toEqual({ level: 'error', until: null });
  expect((await ask({ level: 'debug' })).body).toEqual({ level: 'debug', until: null });
  logger.debug('seen now');
  const changed = { level: 'info', from: 'error', to: 'debug', msg: 'log level changed' };
  expect(said()[0]).toMatchObject(changed);
  expect(said().map(({ msg }) => msg)).toContain('seen now');
});

it('goes back by itself after a while, once', async () => {
  const { ask, clock, logger } = await served();
  await ask({ level: 'debug', seconds: 60 });
  await ask({ level: 'info', seconds: 600 });
  await clock.advance(61_000);
  expect(logger.level).toBe('info');
  await clock.advance(600_000);
  expect((await ask()).body).toEqual({ level: 'error', until: null });
});

it('leaves no timer when the server closes', async () => {
  const { ask, clock, server } = await served();
  await ask({ level: 'debug', seconds: 60 });
  expect(clock.waiting).toBe(1);
  closing.length = 0;
  const closed = server.close();
  await closed;
  expect(clock.waiting).toBe(0);
});

it.each([
  { level: 'loud' },
  { level: 'debug', seconds: 0 },
  { level: 'debug', seconds: 86_401 },
  {},
])('refuses %j', async (body) => {
  const { ask, logger } = await served();
  expect(await ask(body)).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID' } });
  expect(logger.level).toBe('error');
});
