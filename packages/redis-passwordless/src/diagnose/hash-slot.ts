const SLOTS = 16_384;

/** CRC-16/XMODEM, one entry for each byte. */
const CRC16 = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc;
});

/**
 * The hash slot of a key, hash tags included.
 *
 * @see https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 */
export function hashSlot(key: string): number {
  const tag = /\{([^}]+)\}/.exec(key.slice(Math.max(0, key.indexOf("{"))));
  const isFirst = tag !== null && tag.index === 0;
  let crc = 0;
  for (const byte of Buffer.from(isFirst ? (tag[1] ?? "") : key)) {
    crc = ((crc << 8) & 0xffff) ^ (CRC16[(crc >> 8) ^ byte] ?? 0);
  }
  return crc % SLOTS;
}
