#!/usr/bin/env node
import { createRequire } from "node:module";
import type { Emulator, Identity, RedisGateway } from "../api.js";
import { startEmulator } from "../emulator.js";
import { EXIT_DONE, EXIT_FAILED, EXIT_TERMINATED, EXIT_USAGE } from "./exit-codes.js";
import { HELP } from "./help.js";
import { type CliCommand, parseCommandLine, UsageError } from "./options.js";

type StartCommand = Extract<CliCommand, { name: "start" }>;

/** Runs the command line; resolves with the exit code. */
async function main(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const command = parseCommandLine(args, env);
  if (command.name === "start") {
    return run(command);
  }
  process.stdout.write(command.name === "help" ? HELP : `${packageVersion()}\n`);
  return EXIT_DONE;
}

/** Runs until a signal arrives. */
async function run(command: StartCommand): Promise<number> {
  const stopped = stopSignal();
  const emulator = await startEmulator(command.emulator);
  try {
    const environment = emulator.env(chosenIdentity(emulator, command), {
      managedIdentityEndpoint: command.managedIdentityEndpoint,
      ...(command.hasServiceConnector && { serviceConnector: true as const }),
    });
    process.stdout.write(
      command.isJson ? `${JSON.stringify(description(emulator, environment))}\n` : exports(environment),
    );
    const { redis } = emulator;
    log(`Redis gateway on ${redis.url}, in front of ${backendName(redis)}. Stop with Ctrl-C.`);
    return await stopped;
  } finally {
    await emulator.close();
  }
}

/**
 * Resolves with the exit code that belongs to the first signal.
 *
 * Further ones are ignored: `timeout`, npx and terminals send the same signal twice, to the process and to its
 * group, and the second must not cut the clean-up short.
 */
function stopSignal(): Promise<number> {
  return new Promise((resolve) => {
    process.on("SIGINT", () => resolve(EXIT_DONE));
    process.on("SIGTERM", () => resolve(EXIT_TERMINATED));
  });
}

function chosenIdentity(emulator: Emulator, { identity }: StartCommand): Identity {
  const identities = {
    system: emulator.systemIdentity,
    user: emulator.userIdentity,
    servicePrincipal: emulator.servicePrincipal,
    developer: emulator.developer,
  };
  return identities[identity];
}

function description(emulator: Emulator, environment: Readonly<Record<string, string>>): object {
  const { systemIdentity, userIdentity, servicePrincipal, developer, redis } = emulator;
  return {
    environment,
    tenantId: emulator.tenantId,
    authorityHost: emulator.authorityHost,
    imdsHost: emulator.imdsHost,
    appService: emulator.appService,
    federationIssuer: emulator.federationIssuer,
    caFile: emulator.caFile,
    controlUrl: emulator.controlUrl,
    redis: {
      host: redis.host,
      port: redis.port,
      url: redis.url,
      plaintextPort: redis.plaintextPort,
      // Without the servers behind them, whose addresses hold passwords.
      nodes: redis.nodes.map(({ host, port, role, announced }) => ({ host, port, role, announced })),
    },
    identities: { system: systemIdentity, user: userIdentity, servicePrincipal, developer },
  };
}

function backendName({ server, nodes }: RedisGateway): string {
  return nodes.length === 1 ? server : `a cluster of ${nodes.length} × ${server}`;
}

/** One `export NAME='value'` a line, for a POSIX shell. */
function exports(environment: Readonly<Record<string, string>>): string {
  const lines = Object.entries(environment).map(
    ([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`,
  );
  return `${lines.join("\n")}\n`;
}

function packageVersion(): string {
  const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };
  return version;
}

/** One sentence for the terminal. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  return "code" in error && error.code === "EADDRINUSE" && "port" in error
    ? `Port ${String(error.port)} is in use; choose another with --port or --control-port, or leave it out.`
    : error.message;
}

function log(message: string): void {
  process.stderr.write(`${message}\n`);
}

try {
  process.exitCode = await main(process.argv.slice(2), process.env);
} catch (error) {
  const isUsage = error instanceof UsageError || error instanceof RangeError || error instanceof TypeError;
  log(`azure-redis-emulator: ${messageOf(error)}`);
  if (isUsage) {
    log("See azure-redis-emulator --help.");
  }
  process.exitCode = isUsage ? EXIT_USAGE : EXIT_FAILED;
}
