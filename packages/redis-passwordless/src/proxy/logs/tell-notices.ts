import { type Clock, systemClock } from "../../core/clock.js";
import type { ProxyView } from "../view.js";
import type { Notice } from "./notice.js";
import { noticeOf, TOLD_EVENTS, type ToldEvent } from "./notices.js";
import { Rotations } from "./rotations.js";

/** Calls `tell` with everything that an operator may want to know of a proxy, until the result is disposed of. */
export function tellNotices(
  view: ProxyView,
  tell: (notice: Notice) => void,
  clock: Clock = systemClock,
): Disposable {
  const listen = <Name extends ToldEvent>(event: Name): Disposable =>
    view.on(event, (payload) => tell(noticeOf(event, payload, clock.now())));
  const listeners = TOLD_EVENTS.map((event) => listen(event));
  const rotations = new Rotations(view, tell, clock);
  return {
    [Symbol.dispose]: () => {
      for (const listener of listeners) listener[Symbol.dispose]();
      rotations[Symbol.dispose]();
    },
  };
}
