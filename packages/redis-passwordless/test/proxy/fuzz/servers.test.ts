import { once } from "node:events";
import { connect } from "node:net";
import type { Emulator } from "azure-redis-emulator";
import { encodeCommand } from "resp-framing";
import { expect, test, vi } from "vitest";

import { createCertificateAuthority } from "../../../../azure-redis-emulator/src/certificates/certificate-authority.js";
import { proxies } from "../../cli/proxy-process.js";
import { seededRandom } from "../../support/random.js";
import { record } from "../../support/record.js";
import { LONG } from "../transparency/length.js";
import { COMMANDS, pick, upTo } from "./client-bytes.js";
import { HostileServer } from "./hostile-server.js";
import { FIRST_SEED, goesOn, TIMEOUT_MS } from "./length.js";
import { failureOf, HonestClient, PATIENCE_MS, serves, WatchedProxy } from "./watched-proxy.js";

/** Clients at the same time. */
const TOGETHER = 12;
const LEAST_ROUNDS = 5;
/** A hostile server may make a connection keep a reply of megabytes until it is whole. */
const MOST_RSS_BYTES = 500 * 1_048_576;
/** Commands that the hostile server answers with one reply each. */
const ANSWERED = COMMANDS.filter(([name, what]) => name !== "QUIT" && what !== "REPLY");

/** Sends commands, each when something has come back, until the connection is closed or enough are sent. */
async function ask(
  name: string,
  port: number,
  random: () => number,
  rotated: () => Promise<void>,
): Promise<number> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  let received = 0;
  let heard = (): void => {};
  socket.on("error", () => {});
  const story: string[] = [];
  socket.on("data", (chunk: Buffer) => {
    received += chunk.length;
    story.push(`< ${JSON.stringify(chunk.toString("latin1", 0, 200))}`);
    heard();
  });
  socket.on("end", () => socket.end());
  socket.on("close", () => heard());
  await once(socket, "connect");
  const hears = async (what: string): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      heard = resolve;
      timer = setTimeout(() => {
        socket.destroy();
        reject(new Error(`${name} hangs at ${what}: ${story.slice(-20).join("\n")}`));
      }, PATIENCE_MS);
    }).finally(() => clearTimeout(timer));
  };
  for (let left = upTo(random, 15); left > 0 && !socket.closed; left -= 1) {
    const command = pick(random, ANSWERED);
    const answered = hears(command.join(" "));
    story.push(`> ${command.join(" ")}`);
    if (socket.writable) socket.write(encodeCommand(command));
    await answered;
  }
  // Some stay and say nothing, while the proxy logs in again.
  if (random() < 0.15 && !socket.closed) await rotated();
  if (!socket.closed) socket.end();
  while (!socket.closed) await hears("the end");
  return received;
}

/** Resolves when the server has answered another login than a first one in its way, or two tokens have come. */
async function rotation(azure: Emulator, server: HostileServer): Promise<void> {
  const tokens = (): number => azure.events.filter(({ type }) => type === "tokenRequest").length;
  const [betrayed, requested] = [server.loginsBetrayed, tokens()];
  const isOver = (): boolean => server.loginsBetrayed > betrayed || tokens() >= requested + 2;
  await vi.waitFor(() => expect(isOver()).toBe(true), { timeout: PATIENCE_MS, interval: 20 });
}

test(
  "whatever a server sends, its clients get an answer, an error or a close, and those of others notice nothing",
  async (context) => {
    const authority = await createCertificateAuthority();
    const certificate = await authority.issue(["localhost"]);
    const [plain, pooled, routed] = await Promise.all([1, 2, 3].map(() => HostileServer.start(certificate)));
    const servers = { plain: plain!, pooled: pooled!, routed: routed! };
    const { azure, cache, proxy, write } = await proxies(context, { tokenLifetimeMs: LONG ? 8_000 : 4_000 });
    const running = proxy([
      `good=${cache},listen=0`,
      `plain=localhost:${servers.plain.port},listen=0`,
      `pooled=localhost:${servers.pooled.port},listen=0,pool=2`,
      `routed=localhost:${servers.routed.port},listen=0,single-endpoint`,
      `--ca=${write("ca.pem", `${azure.caCertificate}\n${authority.certificate}`)}`,
      "--http-address=0",
    ]);
    const watched = await WatchedProxy.of(running);
    const good = await running.port("good");
    const ports = await Promise.all(Object.keys(servers).map((name) => running.port(name)));
    const honest = await HonestClient.to(good);
    const startedAtMs = performance.now();
    const figures = { conversations: 0, bytesOut: 0 };
    let rounds = 0;
    for (; goesOn(rounds, startedAtMs, LEAST_ROUNDS); rounds += 1) {
      const seed = FIRST_SEED + rounds;
      const random = seededRandom(seed);
      for (const server of Object.values(servers)) server.seed = seed;
      const talking = Array.from({ length: TOGETHER }, (_, index) => {
        const server = Object.values(servers)[index % ports.length]!;
        const seedOfOne = Math.floor(random() * 2 ** 31);
        return ask(
          Object.keys(servers)[index % ports.length]!,
          ports[index % ports.length]!,
          seededRandom(seedOfOne),
          () => rotation(azure, server),
        );
      });
      const silence = new AbortController();
      const over = Promise.all(talking).finally(() => silence.abort());
      const asking = (async () => {
        do await honest.ask(seed);
        while (!silence.signal.aborted);
      })();
      try {
        const [received] = await Promise.all([over, asking]);
        await serves(good, seed);
        await watched.settled({ good: 1, plain: 0, pooled: 0, routed: 0 });
        for (const one of received) figures.bytesOut += one;
      } catch (error) {
        throw await failureOf(running, seed, error);
      }
      figures.conversations += talking.length;
      expect(watched.rss(), `SEED=${seed}`).toBeLessThan(MOST_RSS_BYTES);
    }
    honest.close();
    const all = Object.values(servers);
    const sum = (of: (server: HostileServer) => number): number => all.map(of).reduce((a, b) => a + b);
    record("fuzzing of what servers send", {
      minutes: Math.round((performance.now() - startedAtMs) / 6_000) / 10,
      seeds: `${FIRST_SEED}…${FIRST_SEED + rounds - 1}`,
      ...figures,
      connections: sum(({ connections }) => connections),
      bytesOfServers: sum(({ bytesOut }) => bytesOut),
      loginsBetrayed: sum(({ loginsBetrayed }) => loginsBetrayed),
      honest: 3 * honest.asked,
      maxRssMiB: Math.round(watched.maxRssBytes / 1_048_576),
    });
    running.signal("SIGTERM");
    expect((await running.ended).code).toBe(143);
    for (const server of all) server.close();
  },
  TIMEOUT_MS,
);
