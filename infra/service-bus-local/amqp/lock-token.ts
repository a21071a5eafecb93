/**
 * A lock on the wire: 16 bytes that the client shows as a UUID.
 *
 *     ‹8: which broker, chosen when it started› ‹8: the lock's number›
 *
 * As a delivery tag a UUID stands in the byte order of .NET's Guid, whose first three groups are
 * little-endian; in management requests it stands as it is read. A lock of a broker that has ended
 * names none of ours.
 */
import { randomBytes } from 'node:crypto';

const broker = randomBytes(8);
const brokerAsGuid = Buffer.from([3, 2, 1, 0, 5, 4, 7, 6].map((at) => broker[at]!));

export function deliveryTag(token: number): Buffer {
  return withNumber(brokerAsGuid, token);
}

export function lockUuid(token: number): Buffer {
  return withNumber(broker, token);
}

/** The lock's number; 0, which is no lock, where it is not ours. */
export function tokenOf(uuid: unknown): number {
  if (!Buffer.isBuffer(uuid) || uuid.length !== 16) return 0;
  if (!uuid.subarray(0, 8).equals(broker)) return 0;
  return Number(uuid.readBigUInt64BE(8));
}

function withNumber(start: Buffer, token: number): Buffer {
  const bytes = Buffer.allocUnsafe(16);
  start.copy(bytes);
  bytes.writeUInt32BE(Math.floor(token / 0x1_0000_0000), 8);
  bytes.writeUInt32BE(token % 0x1_0000_0000, 12);
  return bytes;
}
