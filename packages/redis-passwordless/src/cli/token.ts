import { systemClock } from "../core/clock.js";
import { PasswordlessError } from "../core/errors.js";
import type { Token } from "../core/token.js";
import type { TokenManager } from "../core/token-manager.js";
import { type TokenReport, tokenReportText } from "../diagnose/token-report.js";
import type { ExplainContext } from "../explain/explain.js";
import { connectionOptions, connectionSettings } from "./connection.js";
import { EXIT_DONE, EXIT_FAILED } from "./exit-codes.js";
import { failureJson, failureText } from "./failure.js";
import { keepFresh } from "./keep-fresh.js";
import type { Session } from "./session.js";
import { TokenFile, UnusablePathError } from "./token-file.js";
import { factsOf, TokenSource } from "./token-source.js";
import { UsageError } from "./usage-error.js";

const DEFAULT_TIMEOUT_S = 15;

/** Shows whose token this process gets, prints it, or keeps it in a file. */
export async function run(session: Session): Promise<number> {
  const { settings, env, output } = session;
  const timeoutS = settings.number("timeout", { least: 1, most: 600 }) ?? DEFAULT_TIMEOUT_S;
  if (settings.isOn("watch") && !settings.has("file")) {
    throw new UsageError(`${settings.sourceOf("watch")} needs --file PATH: where the token is kept.`);
  }
  const connection = connectionSettings(settings, env);
  const file = await fileOf(session);
  let facts: ExplainContext = {};
  try {
    const source = new TokenSource(connectionOptions(connection, env), env);
    facts = source.facts;
    if (settings.isOn("verbose"))
      output.log(`${source.provider.description}, because of: ${source.provider.reason}`);
    if (file !== undefined && settings.isOn("watch")) return await keepFresh(session, source, file);
    return await once(session, source, { file, timeoutMs: timeoutS * 1000 });
  } catch (error) {
    if (session.stop.exitCode !== undefined) return session.stop.exitCode;
    if (settings.isOn("json")) output.result(failureJson(error, facts));
    else output.log(failureText(error, facts, { ...output.logStyle, verbose: settings.isOn("verbose") }));
    return EXIT_FAILED;
  }
}

async function fileOf({ settings }: Session): Promise<TokenFile | undefined> {
  const path = settings.text("file");
  if (path === undefined) return undefined;
  try {
    return await TokenFile.at(path);
  } catch (error) {
    if (!(error instanceof UnusablePathError)) throw error;
    throw new UsageError(`${settings.sourceOf("file")} cannot be used: ${error.message}.`, { cause: error });
  }
}

async function once(
  session: Session,
  source: TokenSource,
  { file, timeoutMs }: { readonly file: TokenFile | undefined; readonly timeoutMs: number },
): Promise<number> {
  const { stop, output } = session;
  const requestedAtMs = systemClock.now();
  const manager = source.manager({ retry: { maxAttempts: 3 } });
  const token = await tokenWithin(timeoutMs, manager, stop.signal);
  const report = source.report(token, manager, requestedAtMs);
  await manager.close();
  if (file !== undefined) {
    await file.write(token.reveal(), factsOf(report, token));
    output.log(`${file.path}: ${String(token)}`);
  }
  show(session, report, token);
  return EXIT_DONE;
}

function show({ settings, output }: Session, report: TokenReport, token: Token): void {
  if (settings.isOn("raw")) {
    if (output.isTerminal)
      output.log("This is the token itself: whoever sees it can log in with it until it ends.");
    output.secretResult(token.reveal());
  } else if (settings.isOn("username")) output.result(report.username);
  else if (settings.isOn("json")) output.result(JSON.stringify(report, undefined, 2));
  else if (!settings.has("file")) output.result(tokenReportText(report, output.resultStyle));
}

/** The token, or why there is none: rather the provider's last answer than that time has run out. */
async function tokenWithin(timeoutMs: number, manager: TokenManager, stopped: AbortSignal): Promise<Token> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    return await manager.getToken({ signal: AbortSignal.any([timeout, stopped]) });
  } catch (error) {
    if (!timeout.aborted || stopped.aborted) throw error;
    throw manager.status.lastError ?? timedOut(manager.description, timeoutMs);
  }
}

function timedOut(description: string, timeoutMs: number): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_TOKEN_REQUEST_TIMEOUT", {
    message: `The ${description} gave no token within ${timeoutMs / 1000} s.`,
    remedy: "Check whether this machine reaches the identity provider, or give it more time with --timeout.",
    retryable: true,
  });
}
