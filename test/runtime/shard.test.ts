import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isBlobName, limits, shardOf } from '#runtime';

describe('the shard of an address', () => {
  it('is the same for ever', () => {
    // Changing any of these breaks the order of what is under way while nodes are upgraded.
    const known = [
      ['entity-acme/issue-1', 233],
      ['entity-acme/issue-2', 152],
      ['relationship-acme/jira:acme.atlassian.net:issue:10001', 107],
      ['entity-acme/ü\u{1f600}', 139],
      ['', 11],
    ] as const;
    for (const [stream, shard] of known)
      expect([stream, shardOf(stream, 256)]).toEqual([stream, shard]);
  });

  it('is one of the shards, whatever the name', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.integer({ min: 1, max: 5_000 }),
        (name, shards) => {
          const shard = shardOf(name, shards);
          expect(Number.isInteger(shard) && shard >= 0 && shard < shards).toBe(true);
        },
      ),
    );
  });

  it('spreads names that differ little over all shards', () => {
    for (const nameOf of [
      (n: number) => `entity-acme/jira:acme.atlassian.net:issue:${10_000 + n}`,
      (n: number) => `entity-tenant-${n}/1`,
      (n: number) => `relationship-acme/${n}-of`,
    ]) {
      const counts = new Array<number>(limits.shards).fill(0);
      for (let n = 0; n < 100 * limits.shards; n++) counts[shardOf(nameOf(n), limits.shards)]! += 1;
      // 100 each on average, standard deviation 10.
      expect(Math.min(...counts)).toBeGreaterThan(55);
      expect(Math.max(...counts)).toBeLessThan(150);
    }
  });
});

describe('the name of a blob', () => {
  it('is a folder and a name, and leads nowhere else', () => {
    for (const name of [
      'acme/one',
      '~/4f0c',
      'A.b-c_d/1.2',
      `${'t'.repeat(64)}/${'n'.repeat(64)}`,
    ]) {
      expect([name, isBlobName(name)]).toEqual([name, true]);
    }
    for (const name of [
      'acme',
      '/acme',
      'acme/',
      '.parts/x',
      'a/.x',
      '../a',
      'a/..',
      'a/b/c',
      'a/b\n',
    ]) {
      expect([name, isBlobName(name)]).toEqual([name, false]);
    }
    expect(isBlobName(`acme/${'n'.repeat(65)}`)).toBe(false);
  });
});
