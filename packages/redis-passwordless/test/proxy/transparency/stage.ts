import { once } from "node:events";
import type { Duplex } from "node:stream";
import { encodeCommand } from "resp-framing";
import { readReplies } from "./reply.js";
import type { World } from "./worlds.js";

/** How long a client waits for a reply before it counts as missing, in milliseconds. */
const PATIENCE_MS = 10_000;

export type Words = string | readonly (string | Buffer)[];

/** A client in a scenario; everything that it reads is kept. */
export class Player {
  readonly name: string;
  readonly #socket: Duplex;
  #received = "";
  #seen = 0;
  #isClosed = false;
  #heard: (() => void) | undefined;
  readonly #read: string[] = [];

  constructor(name: string, socket: Duplex) {
    this.name = name;
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received += chunk.toString("latin1");
      this.#heard?.();
    });
    const closed = (): void => {
      this.#isClosed = true;
      this.#heard?.();
    };
    socket.on("end", closed);
    socket.on("close", closed);
    socket.on("error", () => {});
    socket.resume();
  }

  /** Every reply and push so far, as it was sent, and whether the connection has ended. */
  get transcript(): string {
    return [...this.#read, this.#received, this.#isClosed ? "+(closed)\r\n" : ""].join("");
  }

  /** Writes commands in one go: words separated by blanks, or any bytes as words. */
  send(...commands: Words[]): this {
    return this.raw(
      Buffer.concat(
        commands.map((words) => encodeCommand(typeof words === "string" ? words.split(" ") : words)),
      ),
    );
  }

  raw(bytes: Buffer | string): this {
    this.#socket.write(bytes);
    return this;
  }

  /** Resolves with the next replies and pushes, in full. */
  async read(count = 1): Promise<readonly string[]> {
    const frames: string[] = [];
    while (frames.length < count) {
      // Read anew from where the last frame ended: these conversations are short.
      const { replies } = readReplies(this.#received);
      for (const { wire } of replies.slice(0, count - frames.length)) {
        frames.push(wire);
        this.#read.push(wire);
        this.#received = this.#received.slice(wire.length);
      }
      if (frames.length < count) await this.#hear(`reply ${this.#seen + frames.length + 1}`);
    }
    this.#seen += count;
    return frames;
  }

  /** What `send` and `read` of as many replies as commands does. */
  async ask(...commands: Words[]): Promise<readonly string[]> {
    this.send(...commands);
    return this.read(commands.length);
  }

  /** The connection's id, which is no part of the transcript. */
  async id(): Promise<string> {
    const [reply = ""] = await this.ask("CLIENT ID");
    const id = /^:(\d+)\r\n$/.exec(reply)?.[1];
    if (id === undefined) throw new Error(`CLIENT ID was answered by ${JSON.stringify(reply)}`);
    this.#read.pop();
    return id;
  }

  /** Speaks RESP3 from here on; the answer, which has the id, is no part of the transcript. */
  async hello(): Promise<void> {
    await this.ask("HELLO 3");
    this.#read.pop();
  }

  /** Takes no more bytes from the network, until `resume`. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Writes nothing more; the other half stays open. */
  end(): void {
    this.#socket.end();
  }

  /** Resolves when the other side has closed. */
  async closed(): Promise<void> {
    while (!this.#isClosed) await this.#hear("the end");
  }

  async gone(): Promise<void> {
    if (!this.#socket.destroyed) {
      this.#socket.destroy();
      await once(this.#socket, "close");
    }
  }

  async #hear(what: string): Promise<void> {
    if (this.#isClosed) throw new Error(`${this.name}: closed before ${what}`);
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      this.#heard = resolve;
      timer = setTimeout(() => {
        const rest = JSON.stringify(this.#received.slice(0, 200));
        reject(new Error(`${this.name}: nothing came in the place of ${what}; unread: ${rest}`));
      }, PATIENCE_MS);
    });
    clearTimeout(timer);
  }
}

/** Where a scenario is played: one of two worlds. */
export class Stage {
  readonly #world: World;
  readonly #players: Player[] = [];
  readonly #between: () => Promise<void>;

  /** @param between what happens between two steps of a scenario */
  constructor(world: World, between: () => Promise<void> = async () => {}) {
    this.#world = world;
    this.#between = between;
  }

  async enter(name: string, protocol: 2 | 3 = 2): Promise<Player> {
    const player = new Player(name, await this.#world.connect());
    this.#players.push(player);
    if (protocol === 3) await player.hello();
    return player;
  }

  /** A command by which a client logs in, mid-connection. */
  login(prefix: readonly string[] = []): Promise<readonly string[]> {
    return this.#world.login().then((login) => [...prefix, "AUTH", ...login]);
  }

  /** Time passes: in some runs tokens are replaced meanwhile. */
  interval(): Promise<void> {
    return this.#between();
  }

  /** Resolves when that many clients wait in blocking commands. */
  async blocked(count: number): Promise<void> {
    const giveUpMs = performance.now() + PATIENCE_MS;
    while (performance.now() < giveUpMs) {
      const [info] = await this.#world.admin.run([["INFO", "clients"]]);
      if (String(info).includes(`blocked_clients:${count}\r\n`)) return;
      await new Promise(setImmediate);
    }
    throw new Error(`There are not ${count} blocked clients`);
  }

  get transcripts(): ReadonlyMap<string, string> {
    return new Map(this.#players.map((player) => [player.name, player.transcript]));
  }

  async clear(): Promise<void> {
    await Promise.all(this.#players.map((player) => player.gone()));
  }
}

/** A conversation that is held in two worlds. */
export interface Scenario {
  readonly name: string;
  /** Commands whose masks apply. */
  readonly masks?: readonly string[];
  readonly play: (stage: Stage, protocol: 2 | 3) => Promise<void>;
}

/** What each client has read; an error of the scenario is part of it. */
export async function played(
  scenario: Scenario,
  protocol: 2 | 3,
  world: World,
  between?: () => Promise<void>,
): Promise<ReadonlyMap<string, string>> {
  const stage = new Stage(world, between);
  let failure: string | undefined;
  try {
    await scenario.play(stage, protocol);
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  const transcripts = new Map(stage.transcripts);
  if (failure !== undefined) transcripts.set("(failure)", failure);
  await stage.clear();
  return transcripts;
}
