import { isLoopback } from "../adapters/plaintext.js";
import { listenLabel } from "../proxy/config/listen-address.js";
import { type Notice, type NoticeFields, troubleOf } from "../proxy/logs/index.js";
import type { InstanceOptions } from "../proxy/options.js";
import type { ProxyStatus } from "../proxy/status.js";
import type { ProxyView } from "../proxy/view.js";
import { INSTANCE_SETTINGS } from "./proxy-commands.js";
import type { ProxyPlan } from "./proxy-plan.js";

/** Where it goes what a proxy has to tell: its log, or the process that has started it as one of several. */
export interface LifeLog {
  follow(view: ProxyView): void;
  tell(notice: Notice): void;
}

/** Tells operators what no event of the proxy tells: what it serves, and what has become of its settings. */
export class Announcer {
  readonly #log: Pick<LifeLog, "tell">;

  constructor(log: Pick<LifeLog, "tell">) {
    this.#log = log;
  }

  tell(
    level: Notice["level"],
    event: string,
    text: string,
    fields: NoticeFields = {},
    error?: unknown,
  ): void {
    const trouble = error === undefined ? {} : { trouble: troubleOf(error) };
    this.#log.tell({ level, event, atMs: Date.now(), text, fields, ...trouble, key: `${event} ${text}` });
  }

  /** What is served where, and what is easily mistaken. */
  tellInstances(status: ProxyStatus, instances: readonly InstanceOptions[], plan: ProxyPlan): void {
    for (const { name, endpoint, listening, identity } of status.instances) {
      const options = instances.find((one) => one.name === name);
      if (options === undefined) continue;
      const where = listening.join(" and ");
      const fields = { instance: name, listening: where, endpoint, identity };
      this.tell(
        "info",
        "listening",
        `${name} is on ${where}, and leads to ${endpoint} as ${identity}`,
        fields,
      );
      this.#warnOfOpenDoors(options);
      const hints = plan.instances.find((one) => one.name === name)?.connection.hints ?? [];
      for (const hint of hints) this.tell("info", "hint", hint.replace(/\.$/, ""), { instance: name });
    }
  }

  /** What a reload has changed, and what it cannot. */
  tellChange(before: ProxyPlan, after: ProxyPlan): void {
    const known = new Set(before.instances.map(({ fingerprint }) => fingerprint));
    const names = new Set(after.instances.map(({ name }) => name));
    const changed = after.instances.filter((one) => !known.has(one.fingerprint)).map(({ name }) => name);
    const gone = before.instances.map(({ name }) => name).filter((name) => !names.has(name));
    const what =
      changed.length === 0 && gone.length === 0
        ? "the instances are the same"
        : `${changed.join(", ") || "nothing"} new or changed, ${gone.join(", ") || "nothing"} gone`;
    const fields = { changed: changed.join(" "), gone: gone.join(" ") };
    this.tell("info", "reloaded", `The configuration is read anew: ${what}`, fields);
    const lasting = lastingChanges(before, after);
    if (lasting.length === 0) return;
    const text = `What has changed in ${lasting.join(", ")} holds from the next start on`;
    this.tell("warn", "restartNeeded", text);
  }

  #warnOfOpenDoors({ name, listen, clientPassword }: InstanceOptions): void {
    if (clientPassword !== undefined) return;
    for (const address of listen) {
      if (address.kind !== "tcp" || isLoopback(address.host)) continue;
      const where = listenLabel(address);
      this.tell(
        "warn",
        "open",
        `${name} listens on ${where}: whoever reaches that is in the cache without a password; --require-pass-file asks for one`,
        { instance: name, listening: where },
      );
    }
  }
}

/** Settings of the process itself, which a reload does not reach. */
function lastingChanges({ common: before }: ProxyPlan, { common: after }: ProxyPlan): string[] {
  const names = new Set([...before.names, ...after.names]);
  const taken = new Set([...INSTANCE_SETTINGS, "min-drain", "max-drain", "config", "instances"]);
  return [...names].filter((name) => !taken.has(name) && before.text(name) !== after.text(name)).sort();
}
