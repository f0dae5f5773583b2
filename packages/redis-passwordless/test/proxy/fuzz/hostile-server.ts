import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { createServer, type Server } from "node:tls";
import { CommandScanner, parseCommand } from "resp-framing";
import { seededRandom } from "../../support/random.js";
import { mutated, pick, pieces, upTo } from "./client-bytes.js";

type Random = () => number;

/** What parsers of replies stumble over. */
const TROUBLE: readonly string[] = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  "+",
  "-",
  ":",
  "$",
  "*",
  "%",
  ">",
  "|1\r\n",
  "$-1\r\n",
  "$-2\r\n",
  "*-1\r\n",
  "*?\r\n",
  "$?\r\n;",
  ".\r\n",
  "_\r\n",
  "*0\r\n",
  "$0\r\n\r\n",
  ":99999999999999999999\r\n",
  "+PONG\r\n",
  "+QUEUED\r\n",
  "-ERR no\r\n",
  "-MOVED 1 10.0.0.1:7001\r\n",
  ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n",
  ">2\r\n$10\r\ninvalidate\r\n_\r\n",
];

const PUSH = ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n";

function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}

/** Some reply that is right. */
function reply(random: Random, protocol: number, depth = 0): string {
  const kind = upTo(random, depth > 2 ? 5 : 9);
  const inner = (count: number): string =>
    Array.from({ length: count }, () => reply(random, protocol, depth + 1)).join("");
  const count = upTo(random, 3);
  if (kind === 0) return "+OK\r\n";
  if (kind === 1) return `:${upTo(random, 1_000)}\r\n`;
  if (kind === 2) return "$-1\r\n";
  if (kind === 3) return "-ERR something\r\n";
  if (kind <= 5) return bulk(pick(random, ["", "v", "a\r\n$3\r\n", "x".repeat(upTo(random, 100_000))]));
  if (protocol === 3 && kind === 6) return `%${count}\r\n${inner(2 * count)}`;
  if (protocol === 3 && kind === 7) return `~${count}\r\n${inner(count)}`;
  return `*${count}\r\n${inner(count)}`;
}

/** What no server sends, in amounts that a proxy has to stand. */
function excess(random: Random): string {
  const kind = upTo(random, 6);
  if (kind === 0)
    return pick(random, ["*1\r\n", "%1\r\n", ">1\r\n", "|1\r\n"]).repeat(1 + upTo(random, 50_000));
  if (kind === 1) return `${pick(random, ["+", "-", ":", "$", "("])}${"x".repeat(upTo(random, 2_000_000))}`;
  if (kind === 2) return `*4294967295\r\n${":1\r\n".repeat(upTo(random, 200_000))}`;
  if (kind === 3) return `$536870912\r\n${"x".repeat(upTo(random, 1_000_000))}`;
  if (kind === 4) return PUSH.repeat(upTo(random, 20_000));
  if (kind === 5) return "+OK\r\n".repeat(upTo(random, 100_000));
  return String.fromCharCode(...Array.from({ length: upTo(random, 2_000) }, () => upTo(random, 255)));
}

/** Replies and pushes, of which some are wrong. */
export function replyBytes(random: Random, most: number): Buffer {
  const parts: Buffer[] = [];
  for (let left = upTo(random, 10); left >= 0; left -= 1) {
    const kind = random();
    const right = Buffer.from(kind < 0.15 ? PUSH : reply(random, pick(random, [2, 3])), "latin1");
    if (kind < 0.75) parts.push(right);
    else if (kind < 0.9) parts.push(mutated(random, right, TROUBLE));
    else parts.push(Buffer.from(pick(random, TROUBLE), "latin1"));
  }
  return Buffer.concat(parts).subarray(0, most);
}

/** A server whose certificate is good and whose answers are right for a while; then they are not, and it closes. */
export class HostileServer {
  readonly #server: Server;
  /** How it deals with the next connection. */
  seed = 0;
  connections = 0;
  bytesOut = 0;
  /** Logins behind the first one of a connection that it has answered in its own way. */
  loginsBetrayed = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on("secureConnection", (socket) => {
      this.connections += 1;
      void new Visit(this, socket, seededRandom(this.seed * 1_000 + this.connections));
    });
    server.on("tlsClientError", () => {});
  }

  static async start(certificate: { readonly cert: string; readonly key: string }): Promise<HostileServer> {
    const server = createServer(certificate).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new HostileServer(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
  }
}

/** One connection to it. */
class Visit {
  readonly #server: HostileServer;
  readonly #socket: Socket;
  readonly #random: Random;
  /** Commands that are answered rightly; the login is three. */
  #left: number;
  #logins = 0;
  #protocol = 2;

  constructor(server: HostileServer, socket: Socket, random: Random) {
    this.#server = server;
    this.#socket = socket;
    this.#random = random;
    this.#left = random() < 0.15 ? upTo(random, 2) : 3 + upTo(random, 14);
    const scanner = new CommandScanner();
    let received = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      let from = received.length - chunk.length;
      let taken = 0;
      const base = scanner.position - from;
      while (from < received.length && socket.writable) {
        const before = scanner.commands;
        from = scanner.scan(received, from, 1);
        if (scanner.commands === before) continue;
        this.#answer(parseCommand(received.subarray(scanner.commandStart - base, from)).map(String));
        taken = from;
      }
      received = received.subarray(taken);
    });
  }

  #answer(args: readonly string[]): void {
    const right = this.#right(args);
    const isLogin = args[0]?.toUpperCase() === "AUTH";
    if (isLogin) this.#logins += 1;
    const isBetrayal = this.#logins > 1 && isLogin;
    if (isBetrayal) this.#server.loginsBetrayed += 1;
    if (this.#left > 0 && !isBetrayal) {
      this.#left -= 1;
      // Some of it comes in pieces, and pushes in between.
      const isPushed = this.#protocol === 3 && this.#random() < 0.2;
      this.#write(Buffer.from(isPushed ? `${PUSH}${right}` : right, "latin1"));
      if (args[0]?.toUpperCase() === "QUIT") this.#socket.end();
      return;
    }
    const wrong = this.#wrong(Buffer.from(right, "latin1"));
    this.#write(wrong);
    if (this.#random() < 0.2) this.#socket.destroy();
    else this.#socket.end();
  }

  #wrong(right: Buffer): Buffer {
    const random = this.#random;
    const kind = upTo(random, 5);
    if (kind === 0) return right.subarray(0, upTo(random, right.length));
    if (kind === 1) return Buffer.from(excess(random), "latin1");
    if (kind === 2) return Buffer.concat([right, Buffer.from(reply(random, this.#protocol), "latin1")]);
    if (kind === 3) return Buffer.from(pick(random, TROUBLE), "latin1");
    return mutated(random, right, TROUBLE);
  }

  #write(bytes: Buffer): void {
    this.#server.bytesOut += bytes.length;
    for (const piece of pieces(this.#random, bytes)) this.#socket.write(piece);
  }

  #right(args: readonly string[]): string {
    const name = (args[0] ?? "").toUpperCase();
    if (name === "AUTH" || name === "QUIT" || name === "MULTI" || name === "MONITOR") return "+OK\r\n";
    if (name === "RESET") return "+RESET\r\n";
    if (name === "PING") return args[1] === undefined ? "+PONG\r\n" : bulk(args[1]);
    if (name === "ECHO") return bulk(args[1] ?? "");
    if (/^[0-9A-F]{32}$/.test(name)) {
      return `-ERR unknown command '${args[0]}', with args beginning with: \r\n`;
    }
    if (name === "HELLO") {
      this.#protocol = Number(args[1] ?? this.#protocol);
      const head = this.#protocol === 3 ? "%1" : "*2";
      return `${head}\r\n$5\r\nproto\r\n:${this.#protocol}\r\n`;
    }
    if (name === "CLUSTER") {
      return `*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n${bulk("localhost")}:${this.#server.port}\r\n${bulk("a".repeat(40))}`;
    }
    if (name === "COMMAND") return "*0\r\n";
    if (name.endsWith("SUBSCRIBE")) {
      const type = this.#protocol === 3 ? ">" : "*";
      return `${type}3\r\n${bulk(name.toLowerCase())}${bulk(args[1] ?? "news")}:${name.includes("UN") ? 0 : 1}\r\n`;
    }
    return reply(this.#random, this.#protocol);
  }
}
