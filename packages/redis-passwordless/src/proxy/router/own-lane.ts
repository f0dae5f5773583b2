import { ReplyScanner } from "resp-framing";
import type { PinnedChannel } from "../shared/pinned-channel.js";
import type { ClusterNode } from "./cluster.js";

/** Gets what no command has asked for; returns something to wait for when there is no room. */
export type OnPush = (frame: Buffer) => Promise<void> | undefined;

/** A connection to one node that one client has to itself: commands in, whole replies out. */
export class OwnLane {
  readonly node: ClusterNode;
  readonly #channel: PinnedChannel;
  readonly #waiting: ((frame: Buffer | undefined) => void)[];
  #isOpen = true;

  private constructor(
    node: ClusterNode,
    channel: PinnedChannel,
    waiting: ((frame: Buffer | undefined) => void)[],
  ) {
    this.node = node;
    this.#channel = channel;
    this.#waiting = waiting;
  }

  /**
   * Opens one.
   *
   * @param onPush also gets every frame that comes while no reply is awaited
   * @param onEnd the connection has ended; told why, as by {@link PinnedChannel}
   * @throws {PasswordlessError} why it cannot be opened
   */
  static async open(
    node: ClusterNode,
    protocol: 2 | 3,
    onPush: OnPush,
    onEnd: (error: Error) => void,
  ): Promise<OwnLane> {
    const scanner = new ReplyScanner();
    let partial: Buffer[] = [];
    const waiting: ((frame: Buffer | undefined) => void)[] = [];
    const onBytes = (bytes: Buffer): Promise<void> | undefined => {
      let wait: Promise<void> | undefined;
      for (let at = 0; at < bytes.length; ) {
        const end = scanner.scanFrame(bytes, at);
        partial.push(bytes.subarray(at, end));
        at = end;
        if (!scanner.atBoundary) continue;
        const frame = Buffer.concat(partial);
        partial = [];
        const answer = scanner.isPush ? undefined : waiting.shift();
        if (answer === undefined) wait = onPush(frame) ?? wait;
        else answer(frame);
      }
      return wait;
    };
    const channel = await node.pool.pin(protocol, {
      onBytes,
      onEnd: (error) => {
        lane.#end();
        onEnd(error);
      },
    });
    const lane = new OwnLane(node, channel, waiting);
    return lane;
  }

  /** Resolves with the reply to a command, or with `undefined` when the connection ends first. */
  ask(command: Buffer): Promise<Buffer | undefined> {
    if (!this.#isOpen) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      void this.#channel.write(command);
    });
  }

  /** Sends a command whose replies come as pushes. */
  tell(command: Buffer): void {
    void this.#channel.write(command);
  }

  /** Sends nothing more; what blocks there ends. */
  end(): void {
    this.#channel.end();
  }

  /** Gives the connection back: nothing has been left behind on it. */
  giveBack(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    void this.node.pool.giveBack(this.#channel);
  }

  /** Ends the connection. */
  discard(): void {
    if (!this.#isOpen) return;
    this.#end();
    this.node.pool.discard(this.#channel);
  }

  #end(): void {
    this.#isOpen = false;
    for (const answer of this.#waiting.splice(0)) answer(undefined);
  }
}
