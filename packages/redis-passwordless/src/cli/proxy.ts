import cluster from "node:cluster";
import { LOG_LEVELS, ProxyLog, troubleOf } from "../proxy/logs/index.js";
import { EXIT_DONE, EXIT_FAILED } from "./exit-codes.js";
import { failureText } from "./failure.js";
import { ProxyLife } from "./proxy-life.js";
import { type ProxyPlan, proxyPlan } from "./proxy-plan.js";
import { secretsIn } from "./secrets.js";
import type { Session } from "./session.js";
import type { Settings } from "./settings.js";
import { handedSockets } from "./systemd.js";
import { UsageError } from "./usage-error.js";

/** Serves caches to programs that have no login of their own, until somebody asks for the end. */
export async function run(session: Session): Promise<number> {
  const { env, output, settings, stop } = session;
  // What is handed over is open in the process that has started the workers, and they listen through it.
  const sockets = handedSockets(env, cluster.isWorker ? process.ppid : process.pid);
  const read = (): ProxyPlan => {
    const plan = proxyPlan(settings, env, sockets);
    hideSecrets(plan, session);
    return plan;
  };
  let plan: ProxyPlan;
  try {
    plan = read();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    output.log(failureText(error, {}, output.logStyle));
    return EXIT_FAILED;
  }
  const { common } = plan;
  if (cluster.isWorker) return runWorker(session, plan, read);
  const log = proxyLog(session, common);
  try {
    const life = { session, log, plan, read };
    if (plan.workers > 1) {
      const { Workers } = await import("./proxy-workers.js");
      const failed = await new Workers(life).run();
      if (failed !== undefined) return failed;
    } else await new ProxyLife(life).run();
  } catch (error) {
    if (stop.exitCode === undefined) {
      tellFailure(session, log, common, error);
      return EXIT_FAILED;
    }
  } finally {
    log[Symbol.dispose]();
  }
  return exitCodeOf(session, common);
}

/** One of several processes that share the work. Its log is that of the process that has started it. */
async function runWorker(session: Session, plan: ProxyPlan, read: () => ProxyPlan): Promise<number> {
  const { WorkerLink } = await import("./worker-link.js");
  const link = new WorkerLink();
  try {
    await new ProxyLife({ session, log: link, plan, read, onReady: () => link.ready() }).run();
  } catch (error) {
    if (session.stop.exitCode === undefined) {
      const log = proxyLog(session, plan.common);
      tellFailure(session, log, plan.common, error);
      log[Symbol.dispose]();
      return EXIT_FAILED;
    }
  } finally {
    link[Symbol.dispose]();
  }
  return exitCodeOf(session, plan.common);
}

function exitCodeOf({ stop }: Session, common: Settings): number {
  return common.isOn("exit-zero-on-sigterm") ? EXIT_DONE : (stop.exitCode ?? EXIT_DONE);
}

function proxyLog({ output }: Session, common: Settings): ProxyLog {
  const level = common.choice("log-level", LOG_LEVELS);
  return new ProxyLog({
    write: (line) => output.log(line),
    format: common.choice("log-format", ["text", "json"]),
    level: common.isOn("quiet") ? "error" : common.isOn("verbose") ? "debug" : level,
    hasColours: output.logStyle.colours,
  });
}

/** The diagnosis, for whoever reads: a human, or a machine line by line. */
function tellFailure({ output }: Session, log: ProxyLog, common: Settings, error: unknown): void {
  if (common.text("log-format") !== "json") {
    output.log(failureText(error, {}, { ...output.logStyle, verbose: common.isOn("verbose") }));
    return;
  }
  log.tell({
    level: "error",
    event: "failed",
    atMs: Date.now(),
    text: "The proxy cannot serve",
    fields: {},
    trouble: troubleOf(error),
    key: "failed",
  });
}

function hideSecrets({ instances }: ProxyPlan, { env, output }: Session): void {
  const prefixes = new Set(instances.map(({ settings }) => settings.text("prefix")));
  const passwords = instances.flatMap(({ clientPassword }) => clientPassword ?? []);
  output.hide([...[...prefixes].flatMap((prefix) => secretsIn(env, prefix)), ...passwords]);
}
