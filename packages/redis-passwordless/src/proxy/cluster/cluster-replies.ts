import { ReplyScanner } from "resp-framing";
import type { NodeAddress } from "../../topology/address-map.js";
import { respError } from "../resp-error.js";
import type { LocalPort } from "./node-doors.js";
import { mayBecomeRedirect, REDIRECTS, redirect } from "./redirect.js";
import type { AnnouncedNode, ReplyOrigin, Rewriting } from "./rewriting.js";
import { type TopologyQuery, topologyCommand } from "./topology-command.js";

/** Bytes of the server's. */
interface Piece {
  readonly bytes: Buffer;
  /** Set when they are the whole reply to it. */
  readonly query: TopologyQuery | undefined;
}

/** Knows the local ports of nodes; `NodeDoors` does. */
export interface LocalPorts {
  portsOf(nodes: readonly AnnouncedNode[], isWhole: boolean): LocalPort | Promise<LocalPort>;
}

export interface ClusterRepliesOptions {
  readonly origin: ReplyOrigin;
  /** The host by which this client finds the local ports. */
  readonly localHost: string;
  readonly doors: LocalPorts;
  /** What the client gets to read. */
  write(bytes: Buffer): void;
  /** Nothing is held back any more: the server may be read again. */
  onReleased(): void;
}

/**
 * What a cluster sends to one client, with every address of a node turned into a local one.
 *
 * It follows the replies to know where each begins, and looks at two kinds: redirects, and those that it was told to
 * look at ({@link lookAt}). Anything else passes as the chunk it came in. While a door is being opened,
 * what comes behind is held back.
 */
export class ClusterReplies {
  readonly #options: ClusterRepliesOptions;
  readonly #scanner = new ReplyScanner();
  /** Replies that hold a topology: these very buffers. */
  #marked: Map<Buffer, TopologyQuery> | undefined;
  /** An error that has not arrived in full and may be a redirect, as far as it has. */
  #undecided: Buffer | undefined;
  /** What has come while a door is being opened. */
  #held: Piece[] | undefined;
  #isFollowed = true;
  #isOpen = true;

  constructor(options: ClusterRepliesOptions) {
    this.#options = options;
  }

  /**
   * What to do with the reply to a command; `undefined` for commands whose replies hold no addresses.
   *
   * @returns takes the whole reply and returns it; {@link pass} has to get this very buffer when its turn comes
   */
  lookAt(args: readonly Buffer[]): ((frame: Buffer) => Buffer) | undefined {
    const query = topologyCommand(args);
    if (query === undefined) return undefined;
    return (frame) => {
      this.#marked ??= new Map();
      this.#marked.set(frame, query);
      return frame;
    };
  }

  /**
   * Passes on what the server has sent; returns `false` when the rest should wait until `onReleased`. What is kept
   * is copied.
   */
  pass(bytes: Buffer): boolean {
    const query = this.#marked?.get(bytes);
    if (query !== undefined) this.#marked?.delete(bytes);
    if (this.#held === undefined) this.#examine(bytes, query);
    else this.#held.push({ bytes: Buffer.from(bytes), query });
    return !this.isHolding;
  }

  /** Replies that the client has been given; `undefined` within one, and when they cannot be counted. */
  get answered(): number | undefined {
    const isWhole = this.#isFollowed && this.#scanner.atBoundary && !this.isHolding;
    return isWhole && this.#scanner.pushes === 0 ? this.#scanner.replies : undefined;
  }

  /** Whether something waits for a door. */
  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  /** The client has gone: what is held back reaches nobody. */
  close(): void {
    this.#isOpen = false;
    this.#held = undefined;
  }

  #examine(bytes: Buffer, query: TopologyQuery | undefined): void {
    if (!this.#isFollowed) this.#options.write(bytes);
    else if (query !== undefined && this.#scanner.atBoundary) this.#followTopology(bytes, query);
    else if (this.#undecided === undefined && !hasRedirect(bytes)) this.#followTogether(bytes);
    else this.#followEach(bytes);
  }

  #followTopology(frame: Buffer, query: TopologyQuery): void {
    this.#scan(() => this.#scanner.scan(frame));
    const rewriting = query.read(Buffer.from(frame), this.#options.origin);
    if (rewriting === undefined || rewriting.nodes.length === 0) return this.#options.write(frame);
    const written = this.#localise(rewriting, query.isWhole);
    if (written instanceof Promise) this.#holdUntil(written, NOTHING);
    else this.#options.write(written);
  }

  /** The usual case: no redirect in these bytes, except that one may begin at their end. */
  #followTogether(bytes: Buffer): void {
    const scanner = this.#scanner;
    const base = scanner.position;
    try {
      scanner.scan(bytes);
    } catch {
      this.#isFollowed = false;
    }
    if (!this.#isFollowed || scanner.atBoundary) return this.#options.write(bytes);
    const start = scanner.frameStart - base;
    if (start < 0 || !mayBecomeRedirect(bytes.subarray(start))) return this.#options.write(bytes);
    this.#undecided = Buffer.from(bytes.subarray(start));
    if (start > 0) this.#options.write(bytes.subarray(0, start));
  }

  /** Looks at the beginning of every reply. */
  #followEach(bytes: Buffer): void {
    const scanner = this.#scanner;
    let sent = 0;
    let start = 0;
    while (start < bytes.length) {
      const isBegunHere = scanner.atBoundary;
      const end = this.#scan(() => scanner.scanFrame(bytes, start)) ?? bytes.length;
      if (!this.#isFollowed) break;
      const begin = this.#undecided;
      const part = bytes.subarray(start, end);
      const frame = begin === undefined ? part : Buffer.concat([begin, part]);
      const isCandidate = (isBegunHere || begin !== undefined) && mayBecomeRedirect(frame);
      if (isCandidate || begin !== undefined) {
        if (start > sent) this.#options.write(bytes.subarray(sent, start));
        sent = end;
        const isUndecided = isCandidate && !scanner.atBoundary;
        this.#undecided = isUndecided ? Buffer.from(frame) : undefined;
        const written = isCandidate && !isUndecided ? this.#redirected(frame) : frame;
        if (written instanceof Promise) return this.#holdUntil(written, bytes.subarray(end));
        if (!isUndecided) this.#options.write(written);
      }
      start = end;
    }
    if (sent < bytes.length) this.#options.write(this.#withUndecided(bytes.subarray(sent)));
  }

  /** An error that looked like a redirect, as the client gets to read it. */
  #redirected(frame: Buffer): Buffer | Promise<Buffer> {
    const rewriting = redirect(Buffer.from(frame), this.#options.origin);
    return rewriting === undefined ? frame : this.#localise(rewriting, false);
  }

  #withUndecided(bytes: Buffer): Buffer {
    const begin = this.#undecided;
    this.#undecided = undefined;
    return begin === undefined ? bytes : Buffer.concat([begin, bytes]);
  }

  /** This may be no Redis protocol any more, as after PSYNC: then nothing in it can be told apart from here on. */
  #scan(scan: () => number): number | undefined {
    try {
      return scan();
    } catch {
      this.#isFollowed = false;
      return undefined;
    }
  }

  #localise(rewriting: Rewriting, isWhole: boolean): Buffer | Promise<Buffer> {
    const { doors } = this.#options;
    const apply = (portOf: LocalPort): Buffer => {
      const host = this.#options.localHost;
      return rewriting.apply((node): NodeAddress => ({ host, port: portOf(node) }));
    };
    try {
      const ports = doors.portsOf(rewriting.nodes, isWhole);
      return ports instanceof Promise ? ports.then(apply).catch(refusal) : apply(ports);
    } catch (error) {
      return refusal(error);
    }
  }

  /** @param rest what came behind it, which has not been followed yet */
  #holdUntil(written: Promise<Buffer>, rest: Buffer): void {
    this.#held = rest.length > 0 ? [{ bytes: Buffer.from(rest), query: undefined }] : [];
    void written.then((bytes) => this.#release(bytes));
  }

  #release(bytes: Buffer): void {
    if (!this.#isOpen) return;
    const waiting = this.#held ?? [];
    this.#held = undefined;
    this.#options.write(bytes);
    // One of them may have to wait for a door of its own; then the others wait behind it.
    for (const [index, next] of waiting.entries()) {
      this.#examine(next.bytes, next.query);
      if (this.isHolding) return this.#holdBehind(waiting.slice(index + 1));
    }
    this.#options.onReleased();
  }

  #holdBehind(pieces: readonly Piece[]): void {
    this.#held?.push(...pieces);
  }
}

const NOTHING: Buffer = Buffer.alloc(0);

const DASH = 45;
/** What stands before an error that is not the first in a chunk. */
const LINE_AND_DASH = Buffer.from("\n-");

/** One search is enough for most chunks: each costs as much as following a reply. */
function hasRedirect(bytes: Buffer): boolean {
  if (bytes[0] !== DASH && !bytes.includes(LINE_AND_DASH)) return false;
  return REDIRECTS.some((prefix) => bytes.includes(prefix));
}

/** Whoever cannot be led to a node gets to read why, in the place of its address. */
function refusal(error: unknown): Buffer {
  return Buffer.from(respError(error));
}
