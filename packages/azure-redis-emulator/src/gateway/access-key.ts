import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { inspect } from "node:util";

/** Whose logins with the access key are, in events and at the server: keys belong to nobody. */
export const ACCESS_KEY_ID = "accessKey";

/** The cache's access key, for caches that have not switched it off. It opens everything and has no end. */
export class AccessKey {
  readonly #key: string;

  /** @throws {TypeError} when a key cannot be sent as a password, or is empty. */
  constructor(key: string) {
    if (typeof key !== "string" || !/^[\x21-\x7e]+$/.test(key)) {
      // What it got may be the key: it is not repeated.
      throw new TypeError(
        '"redis.accessKey" must be true, for a random key, or a text of one or more ASCII characters without spaces.',
      );
    }
    this.#key = key;
  }

  /** 44 characters of base64, as Azure's have: they may hold `+`, `/` and `=`. */
  static random(): AccessKey {
    return new AccessKey(randomBytes(32).toString("base64"));
  }

  reveal(): string {
    return this.#key;
  }

  /** Whether it is what a login has: `AUTH key`, or the default user's name with it. */
  isUsedBy({
    username = "default",
    token,
  }: {
    readonly username?: string | undefined;
    readonly token: string;
  }) {
    return username === "default" && timingSafeEqual(digest(token), digest(this.#key));
  }

  /** The text without the key, which somebody may have sent in the wrong place. */
  redact(text: string): string {
    return text.replaceAll(this.#key, "<access key>");
  }

  toJSON(): string {
    return "<access key>";
  }

  [inspect.custom](): string {
    return "AccessKey {}";
  }
}

/** Of the same length for every text, as the comparison wants it. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
