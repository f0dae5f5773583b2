import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import type { StatusServer } from "../proxy/http/index.js";
import { clearWay, type ListenAddress, unusableAddress } from "../proxy/listener.js";
import type { Notice, ProxyLog } from "../proxy/logs/index.js";
import { MergedView } from "../proxy/workers/merged-view.js";
import { Decoder, type WorkerMessage } from "../proxy/workers/messages.js";
import { EXIT_FAILED } from "./exit-codes.js";
import { Announcer } from "./proxy-announcer.js";
import type { ProxyPlan } from "./proxy-plan.js";
import { openStatusServer } from "./proxy-status.js";
import type { Session } from "./session.js";
import { ServiceManager } from "./systemd.js";

interface Surroundings {
  readonly session: Session;
  readonly log: ProxyLog;
  readonly plan: ProxyPlan;
  readonly read: () => ProxyPlan;
}

/** What every worker has to say of its settings, which are those of all. */
const SAID_BY_ALL: ReadonlySet<string> = new Set(["open", "restartNeeded"]);
/** Between the end of a worker that nobody has asked for and the start of its successor, in milliseconds. */
const AGAIN_MS = 1_000;

/**
 * A proxy in several processes that share its addresses, one core for each. This process only starts them, listens to
 * them, and speaks for them: log, status server and systemd are here.
 */
export class Workers {
  readonly #session: Session;
  readonly #log: ProxyLog;
  readonly #announcer: Announcer;
  readonly #read: () => ProxyPlan;
  readonly #view = new MergedView();
  readonly #manager: ServiceManager;
  readonly #running = new Map<number, Worker>();
  /** Those of them that serve. */
  readonly #serving = new Set<number>();
  /** Those that were starting when the configuration changed, and may have read the old one. */
  readonly #outdated = new Set<number>();
  #plan: ProxyPlan;
  /** Reloads come one after the other. */
  #reloading: Promise<void> = Promise.resolve();
  #hasServed = false;
  #onComplete: () => void = () => {};

  constructor({ session, log, plan, read }: Surroundings) {
    this.#session = session;
    this.#log = log;
    this.#announcer = new Announcer(log);
    this.#plan = plan;
    this.#read = read;
    this.#manager = new ServiceManager(session.env, (text) => this.#announcer.tell("warn", "systemd", text));
  }

  /**
   * Serves until somebody asks for the end.
   *
   * @returns the exit code of a first worker that could not serve, which has said why
   * @throws {PasswordlessError} why nobody can be served
   */
  async run(): Promise<number | undefined> {
    const { stop } = this.#session;
    const hangUp = (): void => {
      this.#reloading = this.#reloading.then(() => this.#reload());
    };
    process.on("SIGHUP", hangUp);
    // What is not a worker's is not handed on: who speaks to systemd is this process.
    cluster.setupPrimary({ serialization: "advanced" });
    // The sockets' files are made here: for this user only, until a worker says otherwise.
    process.umask(0o177);
    let status: StatusServer | undefined;
    try {
      status = await openStatusServer(this.#plan, Promise.resolve(this.#view), () => stop.request());
      if (status !== undefined)
        this.#announcer.tell("info", "status", `Health and metrics are at ${status.url}`);
      this.#log.follow(this.#view);
      await clearWays(this.#plan);
      const failed = await Promise.race([this.#start(1), stop.requested()]);
      if (typeof failed === "number" && stop.exitCode === undefined) return failed;
      const complete = new Promise<void>((resolve) => {
        this.#onComplete = resolve;
      });
      for (let number = 2; number <= this.#plan.workers && !stop.signal.aborted; number++)
        void this.#start(number);
      await Promise.race([complete, stop.requested()]);
      if (!stop.signal.aborted) {
        this.#view.enter("ready");
        await this.#manager.ready(`serves with ${this.#plan.workers} workers`);
      }
      await stop.requested();
      await this.#end();
      return undefined;
    } finally {
      process.off("SIGHUP", hangUp);
      await status?.close();
    }
  }

  /** Resolves when the worker serves, or with its exit code when it has ended before. */
  #start(number: number): Promise<number | undefined> {
    const worker = cluster.fork({ NOTIFY_SOCKET: "", WATCHDOG_USEC: "" });
    const decoder = new Decoder(number);
    this.#running.set(number, worker);
    return new Promise((resolve) => {
      worker.on("message", (message: WorkerMessage) => {
        if (message.type === "ready") {
          this.#serves(number, worker);
          resolve(undefined);
        } else this.#hear(number, message, decoder);
      });
      worker.on("exit", (code, signal) => {
        if (this.#isReplaced) {
          const how = signal ?? `exit code ${code}`;
          const text = `Worker ${number} has ended (${how}), and is started anew`;
          this.#announcer.tell("error", "workerEnded", text);
        }
        this.#ended(number);
        resolve(code ?? EXIT_FAILED);
      });
      worker.on("error", (error) => {
        // Without a process there is no end that would be told; any other error is a message that has not arrived.
        if (worker.process.pid !== undefined) return;
        this.#announcer.tell("error", "workerFailed", `Worker ${number} cannot be started`, {}, error);
        this.#ended(number);
        resolve(EXIT_FAILED);
      });
    });
  }

  #serves(number: number, worker: Worker): void {
    this.#hasServed = true;
    this.#serving.add(number);
    if (this.#outdated.delete(number)) worker.process.kill("SIGHUP");
    if (this.#serving.size === this.#plan.workers) this.#onComplete();
  }

  #hear(number: number, message: Exclude<WorkerMessage, { readonly type: "ready" }>, decoder: Decoder): void {
    if (message.type === "status") this.#view.update(number, decoder.status(message.status));
    else if (message.type === "event")
      this.#view.emit(message.name, decoder.payload(message.name, message.payload));
    // What goes well goes well in all of them, and one line says so.
    else if (number === 1 || isOfOne(message.notice)) this.#log.tell(message.notice);
  }

  /** Whether one that ends has a successor; as long as none has served, its end is everybody's. */
  get #isReplaced(): boolean {
    return this.#hasServed && !this.#session.stop.signal.aborted;
  }

  #ended(number: number): void {
    this.#running.delete(number);
    this.#serving.delete(number);
    this.#outdated.delete(number);
    this.#view.forget(number);
    if (!this.#isReplaced) return;
    setTimeout(() => {
      if (this.#isReplaced) void this.#start(number);
    }, AGAIN_MS).unref();
  }

  /** The workers read for themselves, once it is known that what they would read can be used. */
  async #reload(): Promise<void> {
    if (this.#session.stop.signal.aborted) return;
    await this.#manager.reloading();
    try {
      const plan = this.#read();
      await clearWays(plan, this.#plan);
      this.#plan = plan;
      for (const [number, worker] of this.#running) {
        // Before it serves, the signal would end it.
        if (this.#serving.has(number)) worker.process.kill("SIGHUP");
        else this.#outdated.add(number);
      }
    } catch (error) {
      const text = "The new configuration cannot be used, so nothing has changed";
      this.#announcer.tell("error", "reloadFailed", text, {}, error);
    }
    if (this.#view.status().state === "ready")
      await this.#manager.ready(`serves with ${this.#plan.workers} workers`);
  }

  async #end(): Promise<void> {
    const { stop } = this.#session;
    this.#view.enter("draining");
    await this.#manager.stopping("clients may finish");
    const workers = [...this.#running.values()];
    const ends = workers.map(async (worker) => void (await once(worker, "exit")));
    for (const worker of workers) worker.process.kill("SIGTERM");
    stop.again.addEventListener("abort", () => {
      for (const worker of workers) worker.process.kill("SIGKILL");
    });
    await Promise.all(ends);
    this.#view.enter("closed");
  }
}

/** Whether a notice is about what one worker alone has met with. */
function isOfOne({ level, event }: Notice): boolean {
  return (level === "warn" || level === "error") && !SAID_BY_ALL.has(event);
}

/** Removes sockets that a process has left behind; of those that the plan before had, this proxy is the owner. */
async function clearWays(plan: ProxyPlan, before?: ProxyPlan): Promise<void> {
  const own = new Set(before === undefined ? [] : addressesOf(before).map((one) => JSON.stringify(one)));
  for (const address of addressesOf(plan)) {
    if (own.has(JSON.stringify(address))) continue;
    try {
      await clearWay(address);
    } catch (error) {
      throw unusableAddress(address, error);
    }
  }
}

function addressesOf(plan: ProxyPlan): ListenAddress[] {
  return plan.instances.flatMap(({ listen }) => listen);
}
