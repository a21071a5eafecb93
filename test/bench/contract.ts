/** What one command costs before it reaches the log: check, decide, evolve, name. In process, warm. */
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { CreateEntity, contracts, entity } from '#actors';
import { systemIds } from '#adapters/system';
import type { Benchmark, Result } from './report.ts';
import { command } from './rig.ts';

const rounds = 200_000;

export const contract: Benchmark = async (say) => {
  const message = command(1);
  const body = JSON.stringify(message);
  const [decided] = entity.decide(entity.initial, message);
  const event = { ...decided!, metadata: { messageId: message.messageId } };
  const active = entity.evolve(entity.initial, event);
  const newer = command(1, 5);
  const validator = Compile(Type.Object(CreateEntity.properties));
  say(`a command of ${body.length} bytes, ${rounds} rounds`);
  return [
    timed('JSON.parse', () => JSON.parse(body)),
    timed('schema check alone', () => validator.Check(message)),
    timed('contract: parse, schema, dates, text', () => contracts.read(body)),
    timed('decide: a first create', () => entity.decide(entity.initial, message)),
    timed('decide: a newer create', () => entity.decide(active, newer)),
    timed('decide: a repeat', () => entity.decide(active, message)),
    timed('evolve', () => entity.evolve(entity.initial, event)),
    timed('event id (UUIDv5)', () => systemIds.named('entity-acme/issue-1/message-1/0')),
  ];
};

function timed(label: string, work: () => unknown): Result {
  for (let round = 0; round < rounds / 10; round++) work();
  const start = performance.now();
  for (let round = 0; round < rounds; round++) work();
  return { label, unit: 'µs', value: ((performance.now() - start) * 1000) / rounds };
}
