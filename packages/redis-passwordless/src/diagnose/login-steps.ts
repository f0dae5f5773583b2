import type { Duplex } from "node:stream";
import { assertEncrypted, isLoopback } from "../adapters/plaintext.js";
import type { AccessKeyLogin } from "../azure/access-key.js";
import type { AzureEndpoint } from "../azure/endpoint.js";
import { PasswordlessError } from "../core/errors.js";
import type { Token } from "../core/token.js";
import { type Reply, ReplyError } from "../inband/reply.js";
import { refusedError } from "../reauth/connection.js";
import { labelOf } from "./environment-step.js";
import type { Examination } from "./examination.js";
import { causeError } from "./findings.js";
import { speaksHttp } from "./protocol-experiment.js";
import { ConnectionClosed, type RedisConnection } from "./redis-connection.js";
import type { Step } from "./steps.js";
import { TimeUp, within } from "./time-limit.js";

const LOGIN_LIMIT_MS = 5_000;
const QUESTION_LIMIT_MS = 3_000;

/** What is sent with AUTH. */
export type Credentials = { readonly kind: "entraId"; readonly token: Token } | AccessKeyLogin;

/** The secrets in it, which a server may repeat. */
export function secretsOf(credentials: Credentials | undefined): readonly string[] {
  if (credentials === undefined) return [];
  return [credentials.kind === "entraId" ? credentials.token.reveal() : credentials.password.reveal()];
}

/** AUTH, ACL WHOAMI and PING. Whether the server has let us in. */
export async function logIn(
  examination: Examination,
  endpoint: AzureEndpoint,
  connection: RedisConnection,
  { credentials, reopen }: Pick<Login, "credentials" | "reopen">,
): Promise<boolean> {
  const { steps } = examination;
  const isIn = await steps.run("login", LOGIN_LIMIT_MS, (step) =>
    authenticate(examination, { endpoint, connection, credentials, reopen, step }),
  );
  if (isIn !== true) {
    for (const name of ["whoami", "ping"] as const) steps.skip(name, "nobody is logged in");
    return false;
  }
  await steps.run("whoami", QUESTION_LIMIT_MS, (step) => askWhoami(connection, step));
  const answered = await steps.run("ping", QUESTION_LIMIT_MS, (step) =>
    ping(examination, endpoint, connection, step),
  );
  return answered === true;
}

interface Login {
  readonly endpoint: AzureEndpoint;
  readonly connection: RedisConnection;
  readonly credentials: Credentials;
  /** Opens another connection to the same server. */
  readonly reopen: (signal: AbortSignal) => Promise<Duplex>;
  readonly step: Step;
}

async function authenticate(examination: Examination, login: Login): Promise<true> {
  const { clock, known } = examination;
  const { endpoint, connection, credentials, reopen, step } = login;
  const label = labelOf(endpoint);
  const { host, isEncrypted } = endpoint;
  assertEncrypted({ label, isEncrypted, isLocal: isLoopback(host) }, false);
  const reply = await unlessSilent(
    examination,
    label,
    "login",
    within(clock, step.atMost(LOGIN_LIMIT_MS), step.signal, () => sendAuth(connection, credentials)),
  ).catch(async (error: unknown) => {
    const isCut = PasswordlessError.is(error) && error.rule === "connection-cut";
    if (!isCut || !(await speaksHttp(clock, reopen, step.signal))) throw error;
    throw causeError(
      "reply-not-redis",
      `${label} answers HTTP, and cuts the line at Redis's protocol.`,
      known,
    );
  });
  if (reply instanceof ReplyError) throw refusal(label, credentials, reply);
  const server = await within(clock, 1_000, step.signal, () => connection.ask("HELLO")).catch(() => null);
  Object.assign(step.facts, serverFacts(server));
  const who =
    credentials.kind === "entraId" ? credentials.token.username : (credentials.username ?? "default");
  const { version, mode } = step.facts;
  step.summary = [`user ${who} is let in`, ...(typeof version === "string" ? [`Redis ${version}`] : [])].join(
    ", ",
  );
  if (typeof mode === "string") step.summary += ` (${mode})`;
  return true;
}

/** The same AUTH that clients send. */
export function sendAuth(connection: RedisConnection, credentials: Credentials): Promise<Reply> {
  if (credentials.kind === "entraId") {
    return connection.ask("AUTH", credentials.token.username, credentials.token.reveal());
  }
  const password = credentials.password.reveal();
  const { username } = credentials;
  // Redis 4 and 5, which Azure Cache for Redis has had, know no user names.
  return username === undefined
    ? connection.ask("AUTH", password)
    : connection.ask("AUTH", username, password);
}

function refusal(label: string, credentials: Credentials, reply: ReplyError): Error {
  return credentials.kind === "entraId" ? refusedError(label, credentials.token, reply.message) : reply;
}

/** Silence and a cut line have causes of their own once the connection is there. */
async function unlessSilent<T>(
  { known }: Examination,
  label: string,
  what: "login" | "PING",
  answer: Promise<T>,
): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof TimeUp) {
      const observed = `${label} takes connections and has not answered the ${what}${error.message.replace("no answer", "")}.`;
      throw causeError("server-silent", observed, known);
    }
    if (error instanceof ConnectionClosed && error.lastWords === undefined) {
      throw causeError("connection-cut", `${label}: ${error.message} instead of answering.`, known);
    }
    throw error;
  }
}

/** `HELLO` tells name, version and mode; in RESP2 as a flat list. */
function serverFacts(reply: Reply): Record<string, unknown> {
  if (!Array.isArray(reply)) return {};
  const facts: Record<string, unknown> = {};
  for (let index = 0; index + 1 < reply.length; index += 2) {
    const name = reply[index];
    if (name === "server" || name === "version" || name === "mode" || name === "role")
      facts[name] = reply[index + 1];
  }
  return facts;
}

async function askWhoami(connection: RedisConnection, step: Step): Promise<true> {
  const reply = await connection.ask("ACL", "WHOAMI");
  if (reply instanceof ReplyError) {
    step.facts["isAllowed"] = false;
    step.summary = `the server does not say (${reply.message})`;
    return true;
  }
  step.facts["isAllowed"] = true;
  step.facts["user"] = reply;
  step.summary = `user ${String(reply)}`;
  return true;
}

async function ping(
  examination: Examination,
  endpoint: AzureEndpoint,
  connection: RedisConnection,
  step: Step,
): Promise<true> {
  const { clock } = examination;
  const reply = await unlessSilent(
    examination,
    labelOf(endpoint),
    "PING",
    within(clock, step.atMost(QUESTION_LIMIT_MS), step.signal, () => connection.ask("PING")),
  );
  step.summary = reply instanceof ReplyError ? `answered, and not allowed (${reply.message})` : String(reply);
  step.facts["isAllowed"] = !(reply instanceof ReplyError);
  return true;
}

/** Without anything to log in with, the answer still shows whether Redis is there. */
export async function knock(
  examination: Examination,
  endpoint: AzureEndpoint,
  connection: RedisConnection,
  why: string,
): Promise<void> {
  const { steps, clock } = examination;
  for (const name of ["login", "whoami"] as const) steps.skip(name, why);
  await steps.run("ping", QUESTION_LIMIT_MS, async (step) => {
    const label = labelOf(endpoint);
    const work = within(clock, step.atMost(QUESTION_LIMIT_MS), step.signal, () => connection.ask("PING"));
    const reply = await unlessSilent(examination, label, "PING", work);
    if (!(reply instanceof ReplyError)) {
      step.summary = `${String(reply)}: Redis answers without a login`;
      return true;
    }
    if (!/NOAUTH|authenticat/i.test(reply.message)) throw reply;
    step.summary = `Redis answers, and wants a login (${reply.message})`;
    return true;
  });
}
