import cluster from "node:cluster";
import type { ProxyEvents } from "../proxy/events.js";
import type { Notice } from "../proxy/logs/index.js";
import type { ProxyView } from "../proxy/view.js";
import { TOLD_TO_PRIMARY } from "../proxy/workers/forwarded.js";
import { encode, type WorkerMessage } from "../proxy/workers/messages.js";
import type { LifeLog } from "./proxy-announcer.js";

/** How often the status goes to the primary, in milliseconds. */
const STATUS_MS = 500;

/** What a worker tells the process that has started it: everything that a log, metrics and the admin page want. */
export class WorkerLink implements LifeLog, Disposable {
  readonly #disposables: Disposable[] = [];

  follow(view: ProxyView): void {
    const send = <Name extends keyof ProxyEvents>(name: Name): Disposable =>
      view.on(name, (payload) => tell({ type: "event", name, payload: encode(payload) }));
    const status = (): void => tell({ type: "status", status: encode(view.status()) });
    const timer = setInterval(status, STATUS_MS).unref();
    this.#disposables.push(...TOLD_TO_PRIMARY.map(send), {
      [Symbol.dispose]: () => {
        clearInterval(timer);
        status();
      },
    });
    status();
  }

  tell(notice: Notice): void {
    tell({ type: "notice", notice });
  }

  ready(): void {
    tell({ type: "ready" });
  }

  [Symbol.dispose](): void {
    for (const disposable of this.#disposables.splice(0)) disposable[Symbol.dispose]();
  }
}

function tell(message: WorkerMessage): void {
  // Whoever has gone hears nothing; this process ends with it.
  if (cluster.worker?.isConnected() === true) process.send?.(message);
}
