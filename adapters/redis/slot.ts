/** The slot of a Cluster that a sharded channel lies in. */

/** CRC-16/XMODEM of the name, modulo 16,384. A name with braces is reckoned otherwise; ours have none. */
export function slotOf(channel: string): number {
  let crc = 0;
  for (const byte of Buffer.from(channel)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    crc &= 0xffff;
  }
  return crc % 16_384;
}
