/** RFC 2268 §2: a permutation of 0…255 derived from the digits of π. */
const PI_TABLE = Buffer.from(
  "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2" +
    "179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82" +
    "54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626" +
    "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7" +
    "08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec" +
    "c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731" +
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9" +
    "0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad",
  "hex",
);
const BLOCK = 8;
const ROTATIONS = [1, 2, 3, 5] as const;

/**
 * Decrypts RC2 in CBC mode and removes the padding. The certificates (not the keys) of older PFX files are encrypted
 * with 40-bit RC2, which OpenSSL 3, and with it Node.js, no longer offers.
 * @see https://www.rfc-editor.org/rfc/rfc2268
 *
 * @param effectiveBits the key's effective length, in bits
 */
export function decryptRc2Cbc(key: Buffer, iv: Buffer, data: Buffer, effectiveBits: number): Buffer {
  if (data.length === 0 || data.length % BLOCK !== 0) throw new Error("its encrypted part is cut off");
  const schedule = expandKey(key, effectiveBits);
  const plain = Buffer.alloc(data.length);
  for (let at = 0; at < data.length; at += BLOCK) {
    const previous = at === 0 ? iv : data.subarray(at - BLOCK, at);
    decryptBlock(schedule, data.subarray(at, at + BLOCK), plain.subarray(at, at + BLOCK));
    for (let i = 0; i < BLOCK; i++) plain[at + i] = (plain[at + i] ?? 0) ^ (previous[i] ?? 0);
  }
  const padding = plain.at(-1) ?? 0;
  const isPadded =
    padding >= 1 && padding <= BLOCK && plain.subarray(-padding).every((byte) => byte === padding);
  if (!isPadded) throw new Error("the password is wrong");
  return plain.subarray(0, -padding);
}

function expandKey(key: Buffer, effectiveBits: number): Uint16Array {
  const bytes = new Uint8Array(128);
  bytes.set(key);
  for (let i = key.length; i < 128; i++) {
    bytes[i] = pi((bytes[i - 1] ?? 0) + (bytes[i - key.length] ?? 0));
  }
  const effectiveBytes = Math.ceil(effectiveBits / 8);
  const mask = 0xff >> (8 * effectiveBytes - effectiveBits);
  bytes[128 - effectiveBytes] = pi((bytes[128 - effectiveBytes] ?? 0) & mask);
  for (let i = 127 - effectiveBytes; i >= 0; i--) {
    bytes[i] = pi((bytes[i + 1] ?? 0) ^ (bytes[i + effectiveBytes] ?? 0));
  }
  return Uint16Array.from({ length: 64 }, (_, i) => (bytes[2 * i] ?? 0) | ((bytes[2 * i + 1] ?? 0) << 8));
}

function pi(index: number): number {
  return PI_TABLE[index & 0xff] ?? 0;
}

function decryptBlock(schedule: Uint16Array, from: Buffer, to: Buffer): void {
  const words = Uint16Array.from({ length: 4 }, (_, i) => from.readUInt16LE(2 * i));
  const word = (i: number): number => words[i & 3] ?? 0;
  const keyAt = (i: number): number => schedule[i] ?? 0;
  let next = 63;
  const mixBack = (): void => {
    for (let i = 3; i >= 0; i--) {
      const rotation = ROTATIONS[i] ?? 0;
      const value = ((word(i) >>> rotation) | (word(i) << (16 - rotation))) & 0xffff;
      // Negative indices wrap: word(i - 1) of the first word is the last one.
      words[i] = value - keyAt(next) - (word(i - 1) & word(i - 2)) - (~word(i - 1) & word(i - 3));
      next -= 1;
    }
  };
  const mashBack = (): void => {
    for (let i = 3; i >= 0; i--) words[i] = word(i) - keyAt(word(i - 1) & 63);
  };
  for (let round = 0; round < 5; round++) mixBack();
  mashBack();
  for (let round = 0; round < 6; round++) mixBack();
  mashBack();
  for (let round = 0; round < 5; round++) mixBack();
  for (let i = 0; i < 4; i++) to.writeUInt16LE(word(i), 2 * i);
}
