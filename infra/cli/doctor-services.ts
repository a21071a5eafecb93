/**
 * The services that the environment names, asked as a node would ask them at its start: all at once, each
 * for `answerMs` at most. Nothing is changed there, and no more is loaded than is named.
 *
 * Unhealthy is what a node does not start without; it goes on without the rest.
 */
import { limits } from '#runtime';
import type { Config } from '../config.ts';
import type { Environment } from '../reading.ts';
import { outboundTopic, redis, serviceBus } from './doctor-brokers.ts';
import { chat, collector, embedder } from './doctor-endpoints.ts';
import { kurrentDb, postgres } from './doctor-stores.ts';
import type { Finding } from './finding.ts';
import type { Look } from './look.ts';

/** Never rejects; nothing is said of services that are not named. */
export async function servicesOf(
  config: Config,
  environment: Environment,
  answerMs: number = limits.doctorAnswerMs,
): Promise<readonly Finding[]> {
  const looks: readonly Look[] = [
    postgres,
    kurrentDb,
    serviceBus,
    outboundTopic,
    redis,
    embedder,
    chat,
    collector,
  ];
  const found = await Promise.all(looks.map((look) => look({ config, environment, answerMs })));
  return found.flat();
}
