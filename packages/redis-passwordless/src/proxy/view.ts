import type { Listener } from "../core/events.js";
import type { ProxyEvents } from "./events.js";
import type { ProxyStatus } from "./status.js";

/** What logs, metrics and the admin page need of a proxy: what it is doing, and what happens in it. */
export interface ProxyView {
  status(): ProxyStatus;
  on<Name extends keyof ProxyEvents>(name: Name, listener: Listener<ProxyEvents[Name]>): Disposable;
}
