import { type Clock, systemClock } from "../../core/clock.js";
import type { ProxyView } from "../view.js";
import type { Notice } from "./notice.js";
import { isDetail, noticeOf, TOLD_EVENTS, type ToldEvent } from "./notices.js";
import { Rotations } from "./rotations.js";

/**
 * Calls `tell` with everything that an operator may want to know of a proxy, until the result is disposed of.
 *
 * @param hasDetails whether each connection is told, too
 */
export function tellNotices(
  view: ProxyView,
  tell: (notice: Notice) => void,
  hasDetails: boolean,
  clock: Clock = systemClock,
): Disposable {
  const listen = <Name extends ToldEvent>(event: Name): Disposable =>
    view.on(event, (payload) => {
      // As often as clients come: nobody pays for texts that nobody reads.
      if (hasDetails || !isDetail(event, payload)) tell(noticeOf(event, payload, clock.now()));
    });
  const listeners = TOLD_EVENTS.map((event) => listen(event));
  const rotations = new Rotations(view, tell, clock);
  return {
    [Symbol.dispose]: () => {
      for (const listener of listeners) listener[Symbol.dispose]();
      rotations[Symbol.dispose]();
    },
  };
}
