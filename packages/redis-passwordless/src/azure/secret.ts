import { inspect } from "node:util";

const HIDDEN = "[secret]";

/** A password in our hands: private, so that neither `util.inspect`, JSON nor string conversion can see it. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The password. Hand it to the server, to nobody else. */
  reveal(): string {
    return this.#value;
  }

  toJSON(): string {
    return HIDDEN;
  }

  toString(): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }
}
