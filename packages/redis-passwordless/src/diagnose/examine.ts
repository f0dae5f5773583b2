import type { Duplex } from "node:stream";
import type { AzureEndpoint } from "../azure/endpoint.js";
import { PasswordlessError } from "../core/errors.js";
import { openServer, secureContextOf, type Trust } from "./dial.js";
import { readEnvironment, type Situation } from "./environment-step.js";
import type { Examination, Known } from "./examination.js";
import { findingsOf } from "./findings.js";
import { reachIdentityProvider } from "./identity-endpoint-step.js";
import { obtainToken } from "./identity-steps.js";
import { loginAgain, measureRoundTrips } from "./lasting-steps.js";
import { type Credentials, knock, logIn, secretsOf } from "./login-steps.js";
import { visitNodes } from "./nodes-step.js";
import {
  type DoctorOptions,
  type DoctorSurroundings,
  type ResolvedOptions,
  resolveOptions,
  type Watch,
} from "./options.js";
import { tryPermissions } from "./permissions-step.js";
import { RedisConnection } from "./redis-connection.js";
import { type DoctorReport, type Finding, STEP_NAMES, type StepName } from "./report.js";
import { systemResolver } from "./resolver.js";
import { reachServer } from "./server-steps.js";
import { type Failure, Steps } from "./steps.js";
import { stopwatch, TimeUp } from "./time-limit.js";
import { askLayout } from "./topology-step.js";
import { libraryVersion } from "./version.js";

/** The part of the time that is kept for ending: at most this many milliseconds. */
const RESERVE_MS = 750;

/**
 * Goes the path of a connection step by step, from the environment to the first commands, and explains what is in
 * the way. After a failure it goes on where a later step can still tell something.
 *
 * Never rejects for what it finds, and never takes longer than `timeoutMs`, whoever does not answer.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`
 */
export async function examine(
  options: DoctorOptions,
  surroundings: DoctorSurroundings,
  watch: Watch = {},
): Promise<DoctorReport> {
  const { report } = await examineAll(resolveOptions(options), surroundings, watch);
  return report;
}

/** How far an examination goes: `login` ends with the first PING. */
export type Depth = "all" | "login";

/** A report, and what it was concluded from, for whoever learns more. */
export interface Examined {
  readonly report: DoctorReport;
  readonly failures: readonly Failure[];
  readonly known: Known;
}

export async function examineAll(
  options: ResolvedOptions,
  { env, clock, random, resolver = systemResolver }: DoctorSurroundings,
  { signal, onStep }: Watch,
  depth: Depth = "all",
): Promise<Examined> {
  const startedAtMs = clock.now();
  const elapsedMs = stopwatch();
  const end = new AbortController();
  const onAbort = (): void => end.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  const limitMs = options.timeoutMs - Math.min(RESERVE_MS, options.timeoutMs / 20);
  const timer = clock.schedule(() => end.abort(new TimeUp("no result", limitMs)), limitMs, {
    keepAlive: true,
  });
  const steps = new Steps(clock, end.signal, () => limitMs - elapsedMs(), onStep);
  const known: Known = {};
  const examination: Examination = { options, env, clock, random, resolver, steps, known };
  try {
    const { endpoint, login } = await goThrough(examination, depth);
    const findings = concluded(examination);
    const isIn = isDone(steps, "login");
    return {
      failures: steps.failures,
      known,
      report: {
        kind: "doctor",
        schema: 1,
        version: libraryVersion(),
        startedAtMs,
        durationMs: elapsedMs(),
        endpoint: endpoint && { host: endpoint.host, port: endpoint.port, product: endpoint.product },
        identity:
          login?.kind === "entraId"
            ? { kind: login.identityKind, description: login.description, reason: login.reason }
            : undefined,
        isHealthy: isIn && !findings.some(({ severity }) => severity === "error"),
        findings,
        steps: steps.reports,
      },
    };
  } finally {
    timer[Symbol.dispose]();
    signal?.removeEventListener("abort", onAbort);
    end.abort(new Error("the examination is over"));
  }
}

function isDone(steps: Steps, name: StepName): boolean {
  const status = steps.statusOf(name);
  return status === "ok" || status === "warning";
}

async function goThrough(examination: Examination, depth: Depth): Promise<Situation> {
  const { steps, options } = examination;
  const situation = await readEnvironment(examination);
  const { endpoint } = situation;
  const trust: Trust = {
    serverName: endpoint?.serverName ?? "",
    secureContext: endpoint?.isEncrypted === true ? secureContextOf(options.ca) : undefined,
  };
  // Two lanes: neither waits for what the other has to say.
  const [stream, credentials] = await Promise.all([
    endpoint === undefined ? undefined : reachServer(examination, endpoint, trust),
    findCredentials(examination, situation),
  ]);
  if (endpoint === undefined || stream === undefined) {
    skipAll(steps, endpoint === undefined ? "it is not known which server it is" : "there is no connection");
    return situation;
  }
  const connection = new RedisConnection(stream, secretsOf(credentials));
  try {
    await speak(examination, { endpoint, trust, connection, credentials, depth });
  } finally {
    connection.close();
  }
  return situation;
}

async function findCredentials(
  examination: Examination,
  { login }: Situation,
): Promise<Credentials | undefined> {
  const { steps } = examination;
  if (login?.kind === "entraId") {
    const [token] = await Promise.all([
      obtainToken(examination, login),
      reachIdentityProvider(examination, login),
    ]);
    return token && { kind: "entraId", token };
  }
  const why = login === undefined ? "it is not known who logs in" : "an access key logs in";
  for (const name of ["identityProvider", "token", "claims"] as const) steps.skip(name, why);
  return login;
}

interface Conversation {
  readonly endpoint: AzureEndpoint;
  readonly trust: Trust;
  readonly connection: RedisConnection;
  readonly credentials: Credentials | undefined;
  readonly depth: Depth;
}

async function speak(examination: Examination, talk: Conversation): Promise<void> {
  const { steps } = examination;
  const { endpoint, trust, connection, credentials, depth } = talk;
  if (credentials === undefined) {
    await knock(examination, endpoint, connection, "there is nothing to log in with");
    return skipAll(steps, "nobody is logged in");
  }
  const reopen = (signal: AbortSignal): Promise<Duplex> => openServer(endpoint, trust, signal);
  const isIn = await logIn(examination, endpoint, connection, { credentials, reopen });
  if (!isIn) return skipAll(steps, "nobody is logged in");
  if (depth === "login") return skipAll(steps, "only the login is of interest");
  const layout = await askLayout(examination, endpoint, connection);
  const { secureContext } = trust;
  // Other connections, so that they do not wait for each other.
  await Promise.all([
    visitNodes(examination, { endpoint, layout, secureContext, credentials }),
    (async () => {
      await tryPermissions(examination, connection, layout);
      await loginAgain(examination, endpoint, connection, credentials);
      await measureRoundTrips(examination, connection);
    })(),
  ]);
}

function skipAll(steps: Steps, why: string): void {
  for (const name of STEP_NAMES) steps.skip(name, steps.ended ?? why);
}

/** What is wrong; that nothing was found where nothing was looked at is wrong too. */
function concluded({ steps, known, options }: Examination): readonly Finding[] {
  const hasError = steps.failures.some(({ severity }) => severity === "error");
  if (!hasError && !isDone(steps, "login")) {
    const last = steps.reports.find(({ status }) => status === "skipped")?.name ?? "login";
    const why = steps.ended ?? "something was missing";
    steps.fail(
      last,
      new PasswordlessError("ERR_PASSWORDLESS_ABORTED", {
        message: `The examination ended before the login: ${why} (limit ${options.timeoutMs} ms).`,
        remedy: "Run it again, with more time (`--timeout`) if that was up.",
        retryable: true,
      }),
    );
  }
  return findingsOf(steps.failures, known);
}
