import { EventEmitter, once } from "node:events";
import { say } from "./say.mjs";

const KEYS = Array.from({ length: 100 }, (_, index) => `key:${index}`);

/**
 * What both programs do with their client. Between the rounds they wait for a line of input, which says that the token
 * has been renewed everywhere.
 *
 * @param {number} rotations
 * @param {{
 *   set(key: string, value: string): Promise<unknown>;
 *   get(key: string): Promise<string | null>;
 *   twice(key: string): Promise<number[]>;
 *   publish(message: string): Promise<unknown>;
 *   onMessage(listener: (message: string) => void): void;
 * }} client
 */
export async function work(rotations, client) {
  /** @type {string[]} */
  const heard = [];
  const messages = new EventEmitter();
  client.onMessage((message) => {
    heard.push(message);
    messages.emit("message");
  });
  let read = 0;
  /** @type {number[]} */
  const counts = [];
  for (let round = 0; round <= rotations; round += 1) {
    await Promise.all(KEYS.map((key) => client.set(key, `${key} ${round}`)));
    const values = await Promise.all(KEYS.map((key) => client.get(key)));
    read += values.filter((value, index) => value === `${KEYS[index]} ${round}`).length;
    counts.push(...(await client.twice("counter")));
    const arrived = once(messages, "message");
    await client.publish(String(round));
    await arrived;
    say(`round ${round}`);
    if (round < rotations) await once(process.stdin, "data");
  }
  process.stdin.pause();
  return { read, counts, heard };
}
