import { invalidOption, PasswordlessError } from "../../core/errors.js";
import { AttachedClient } from "./attached-client.js";
import type { CredentialsProvider } from "./provider.js";
import type { AttachableClient, PoolOfClients, RedisArgument } from "./structural.js";
import { SubscriberCompanion } from "./subscriber-companion.js";
import { traceCommand } from "./trace.js";

const ATTACHED = Symbol.for("redis-passwordless.attached");

/** Any view of a client; `_commandOptions` is internal, checked with 5.12.1 and 6.3.1. */
type View = AttachableClient & { readonly _commandOptions?: object };

/**
 * Puts an {@link AttachedClient} between an application and its client: replaces `sendCommand` and `duplicate`
 * on the instance that all of the client's views share.
 */
export function attachTo(client: AttachableClient, provider: CredentialsProvider): void {
  const instance: View = sharedInstance(client);
  if (Object.hasOwn(instance, ATTACHED)) return;
  const clientId = idOf(instance);
  const { sendCommand, duplicate } = instance;
  const { clock } = provider.reauthenticator;
  const attached = new AttachedClient(
    instance,
    (args, options) => sendCommand.call(instance, args, options),
    {
      clock,
      blockUntilMs: () => provider.blockUntilMs(clientId),
      loginIfDue: () => provider.loginIfDue(clientId),
    },
  );
  provider.attach(clientId, attached);
  // A client that was closed has been forgotten; it may be connected again.
  instance.on("connect", () => provider.attach(clientId, attached));
  SubscriberCompanion.install(instance, {
    open: () => duplicate.call(instance, { RESP: 3 }) as AttachableClient,
    send: (args, options) => attached.sendOutside(args, options),
  });
  Object.defineProperties(instance, {
    [ATTACHED]: { value: true },
    sendCommand: {
      configurable: true,
      writable: true,
      value(this: View, args: readonly RedisArgument[], options?: object) {
        // A view (`withTypeMapping`, …) carries command options of its own, which node-redis reads from `this`.
        const own = this._commandOptions;
        return attached.send(args, own === instance._commandOptions ? options : { ...own, ...options });
      },
    },
    duplicate: {
      configurable: true,
      writable: true,
      value(this: unknown, overrides?: object) {
        const copy = duplicate.call(this, overrides) as AttachableClient;
        attachTo(copy, provider);
        return copy;
      },
    },
  });
}

/** A pool runs everything on its members through `execute`, so that each member is attached when first used. */
export function attachToPool(pool: PoolOfClients, attachMember: (client: AttachableClient) => void): void {
  const instance = Object.getPrototypeOf(pool.withCommandOptions({})) as PoolOfClients;
  if (Object.hasOwn(instance, ATTACHED)) return;
  const { execute } = instance;
  const members = new WeakSet<AttachableClient>();
  Object.defineProperties(instance, {
    [ATTACHED]: { value: true },
    execute: {
      configurable: true,
      writable: true,
      value(this: unknown, run: (client: AttachableClient) => unknown) {
        return execute.call(this, (client) => {
          if (!members.has(client)) attachMember(client);
          members.add(client);
          return run(client);
        });
      },
    },
  });
}

/**
 * What the application holds is a view (`Object.create`) of the real client, and so are the results of
 * `withTypeMapping` and its siblings; their common prototype is where every command passes.
 */
function sharedInstance(client: AttachableClient): AttachableClient {
  const instance: unknown = Object.getPrototypeOf(client.withCommandOptions({}));
  if (typeof (instance as Partial<AttachableClient> | null)?.sendCommand !== "function") {
    throw unsupported("its views have no common client");
  }
  return instance as AttachableClient;
}

function idOf(client: AttachableClient): string {
  const traced = traceCommand(() => {
    // Not connected yet or refused by the encoder: either way nothing is sent, but its id is told.
    client.sendCommand(["PING", {} as string]).catch(() => {});
  });
  if (traced === undefined) throw unsupported("it does not report its commands on `node-redis:command`");
  return traced.clientId;
}

function unsupported(observed: string): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_CLIENT_UNSUPPORTED", {
    message: `This client cannot be attached: ${observed}.`,
    remedy: "Pass a client made by `createClient` of node-redis 5.12 or 6.",
    rule: "client-not-attachable",
    details: { clientProblem: "notAttachable" },
  });
}

/** Whether this is the result of `createClientPool`. */
export function isPool(client: object): client is PoolOfClients {
  return typeof (client as Partial<PoolOfClients>).execute === "function";
}

/** Rejects what is no client of node-redis before anything is changed. */
export function assertClient(client: unknown): asserts client is AttachableClient | PoolOfClients {
  const candidate = client as Partial<AttachableClient & PoolOfClients> | null | undefined;
  const methods = ["withCommandOptions", "on"] as const;
  const isComplete = methods.every((method) => typeof candidate?.[method] === "function");
  const runsCommands =
    typeof candidate?.execute === "function" || typeof candidate?.sendCommand === "function";
  if (!isComplete || !runsCommands) {
    throw invalidOption(
      "client",
      "what `createClient`, `createClientPool` or `createCluster` of node-redis 5.12 or 6 returns",
    );
  }
  if ("getMasterNode" in (candidate ?? {})) throw manyClients("createSentinel");
}

function manyClients(maker: string): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_CLIENT_UNSUPPORTED", {
    message: `The result of \`${maker}\` cannot be attached: its connections come and go unseen.`,
    remedy:
      "Its options alone keep it authenticated. For commands that block for ever, hand-written transactions and RESP2 subscribers, attach a client of their own.",
    rule: "client-not-attachable",
    details: { clientProblem: "notAttachable" },
  });
}
