import { systemClock } from "../core/clock.js";
import { candidatesIn } from "../diagnose/candidates.js";
import {
  type DoctorOptions,
  type DoctorReport,
  type DoctorSurroundings,
  examine,
  examineIdentities,
  type IdentitiesReport,
  reportText,
  type StepReport,
  stepLine,
  type WatchReport,
  watchRotation,
} from "../diagnose/index.js";
import { type ConnectionSettings, connectionOptions, connectionSettings } from "./connection.js";
import { EXIT_DONE, EXIT_FAILED } from "./exit-codes.js";
import type { Session } from "./session.js";

type Report = DoctorReport | IdentitiesReport | WatchReport;

/** Finds out why this process cannot log in to the cache. */
export async function run(session: Session): Promise<number> {
  const { settings, env, stop } = session;
  const timeoutS = settings.number("timeout", { least: 1, most: 600 });
  const pings = settings.number("pings", { least: 1, most: 10_000, isWhole: true });
  const connection = connectionSettings(settings, env);
  const options: DoctorOptions = {
    connection: connectionOptions(connection, env),
    isReadOnly: settings.isOn("read-only"),
    keyPrefix: settings.text("key-prefix"),
    ca: connection.ca,
    timeoutMs: timeoutS === undefined ? undefined : timeoutS * 1000,
    pings,
  };
  const surroundings: DoctorSurroundings = { env, clock: systemClock, random: Math.random };
  const report = await examined(session, connection, options, surroundings);
  show(session, report);
  return stop.exitCode ?? (report.isHealthy ? EXIT_DONE : EXIT_FAILED);
}

async function examined(
  session: Session,
  connection: ConnectionSettings,
  options: DoctorOptions,
  surroundings: DoctorSurroundings,
): Promise<Report> {
  const { settings, env, output, stop } = session;
  const watch = { signal: stop.signal, onStep: (step: StepReport) => tellStep(session, step) };
  if (settings.isOn("watch")) {
    return watchRotation(options, surroundings, {
      signal: stop.signal,
      onEvent: (event) => {
        if (settings.isOn("json")) output.result(JSON.stringify(event));
        else output.progress(`${new Date(event.atMs).toISOString()} ${event.summary}`);
      },
    });
  }
  if (!settings.isOn("all-identities")) return examine(options, surroundings, watch);
  const { prefix, authority } = connection;
  return examineIdentities(candidatesIn(env, { prefix, common: authority }), options, surroundings, watch);
}

/** Progress, for who waits at a terminal or wants to know all. */
function tellStep({ settings, output }: Session, step: StepReport): void {
  const line = stepLine(step, output.logStyle);
  if (settings.isOn("verbose") && !settings.isOn("json")) output.log(line);
  else output.status(line);
}

function show({ settings, output }: Session, report: Report): void {
  if (settings.isOn("json")) {
    // One object a line, so that the report can be told from the events before it by what it is.
    output.result(JSON.stringify(report, undefined, settings.isOn("watch") ? undefined : 2));
    return;
  }
  const style = { ...output.resultStyle, verbose: settings.isOn("verbose") };
  output.result(reportText(report, style).replace(/\n$/, ""));
}
