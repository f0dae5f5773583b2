import { type Reply, ReplyError } from "../inband/reply.js";
import { hashSlot } from "../topology/hash-slot.js";
import type { Examination } from "./examination.js";
import type { RedisConnection } from "./redis-connection.js";
import type { Step } from "./steps.js";
import type { Layout } from "./topology-step.js";

const LIMIT_MS = 3_000;
/** The scratch key goes by itself when nobody is left to remove it. */
const KEY_LIFE_MS = 10_000;

/** `elsewhere`: allowed, but no key was found that this node has. */
type Verdict = "allowed" | "denied" | "deniedForKey" | "elsewhere" | "failed" | "notTried";

const NO_USE: ReadonlySet<Verdict> = new Set(["denied", "deniedForKey", "notTried"]);

/** What this identity may do, tried on a key and a channel that nobody else has. */
export async function tryPermissions(
  examination: Examination,
  connection: RedisConnection,
  layout: Layout | undefined,
): Promise<void> {
  await examination.steps.run("permissions", LIMIT_MS, async (step) => {
    const found = await findKey(examination, connection, layout);
    const key = found.key;
    const write = examination.options.isReadOnly ? undefined : await tryWrite(connection, key);
    const channel = await tryChannel(examination, connection, key);
    const info = await connection.ask("INFO", "server");
    step.facts["scratchKey"] = key;
    report(examination, step, {
      read: found.reply,
      write,
      publish: channel.publish,
      subscribe: channel.subscribe,
      CLUSTER: layout?.isAllowed === false ? new ReplyError("NOPERM") : null,
      INFO: info,
    });
    return true;
  });
}

/** Reads keys, none of which exists, until one is met that is this node's. */
async function findKey(
  { options, random }: Examination,
  connection: RedisConnection,
  layout: Layout | undefined,
): Promise<{ readonly key: string; readonly reply: Reply }> {
  const name = (): string =>
    `${options.keyPrefix}redis-passwordless:doctor:${random().toString(36).slice(2, 10)}`;
  const keys = [name()];
  for (const { first, last } of layout?.ranges ?? []) {
    for (let tries = 0; tries < 1_000; tries += 1) {
      const key = name();
      const slot = hashSlot(key);
      if (slot < first || slot > last) continue;
      keys.push(key);
      break;
    }
  }
  const replies = await connection.askAll(keys.map((key) => ["GET", key]));
  const own = replies.findIndex((reply) => !isMoved(reply));
  const index = Math.max(own, 0);
  return { key: keys[index] ?? name(), reply: replies[index] ?? null };
}

async function tryWrite(connection: RedisConnection, key: string): Promise<Reply> {
  const reply = await connection.ask("SET", key, "", "PX", String(KEY_LIFE_MS));
  if (!(reply instanceof ReplyError)) await connection.ask("DEL", key);
  return reply;
}

async function tryChannel(
  { options }: Examination,
  connection: RedisConnection,
  channel: string,
): Promise<{ readonly publish: Reply | undefined; readonly subscribe: Reply }> {
  const publish = options.isReadOnly ? undefined : await connection.ask("PUBLISH", channel, "");
  const subscribe = await connection.ask("SUBSCRIBE", channel);
  if (!(subscribe instanceof ReplyError)) await connection.ask("UNSUBSCRIBE", channel);
  return { publish, subscribe };
}

type Answers = Readonly<Record<string, Reply | undefined>>;

function report({ steps, options }: Examination, step: Step, answers: Answers): void {
  const verdicts = Object.fromEntries(
    Object.entries(answers).map(([name, reply]) => [name, verdictOn(reply)] as const),
  );
  Object.assign(step.facts, { isReadOnly: options.isReadOnly, verdicts });
  const named = (...kinds: readonly Verdict[]): string[] =>
    Object.keys(verdicts).filter((name) => kinds.includes(verdicts[name] ?? "notTried"));
  const [can, cannot, outside] = [named("allowed", "elsewhere"), named("denied"), named("deniedForKey")];
  step.summary = [
    ...(can.length > 0 ? [can.join(", ")] : ["nothing"]),
    ...(cannot.length > 0 ? [`not allowed: ${cannot.join(", ")}`] : []),
    ...(outside.length > 0
      ? [`not for the names tried: ${outside.join(", ")} (--key-prefix gives names that are allowed)`]
      : []),
  ].join("; ");
  const { read, write } = verdicts;
  const failed = [answers["read"], answers["write"]].find((reply) => verdictOn(reply) === "failed");
  const odd = Object.values(answers).find((reply) => verdictOn(reply) === "failed");
  // What a policy does not allow is how somebody wants it, unless nothing is left.
  const isUseless = [read, write].every((verdict) => verdict !== undefined && NO_USE.has(verdict));
  const useless = isUseless ? withHint(answers["read"], verdicts["read"]) : undefined;
  const wrong = failed ?? useless ?? odd;
  if (wrong === undefined) return;
  // A server that is full, or a replica, refuses what the policy allows: nobody can work like this.
  const severity = failed === undefined ? "warning" : "error";
  step.status = failed === undefined ? "warning" : "failed";
  steps.fail("permissions", wrong, { severity });
}

/** The policy may cover the names of an application, and not that of a scratch key. */
function withHint(reply: Reply | undefined, verdict: Verdict | undefined): Reply | undefined {
  if (!(reply instanceof ReplyError) || verdict !== "deniedForKey") return reply;
  return new ReplyError(
    `${reply.message} (tried with the doctor's own key; \`--key-prefix\` gives it a name like those of the application)`,
  );
}

function verdictOn(reply: Reply | undefined): Verdict {
  if (reply === undefined) return "notTried";
  if (!(reply instanceof ReplyError)) return "allowed";
  if (isMoved(reply)) return "elsewhere";
  if (/NOPERM.*(?:\bkeys?\b|channel)/is.test(reply.message)) return "deniedForKey";
  if (/NOPERM|unknown (?:sub)?command/i.test(reply.message)) return "denied";
  return "failed";
}

/** Permissions are checked first: who is sent elsewhere would be allowed there. */
function isMoved(reply: Reply): boolean {
  return reply instanceof ReplyError && /^(?:MOVED|ASK) /.test(reply.message);
}
