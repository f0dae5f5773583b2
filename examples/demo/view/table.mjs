import { count } from "./style.mjs";

/** @typedef {import("../tally.mjs").Tally} Tally */

const LABEL = 21;
const COLUMNS = /** @type {const} */ ([
  ["per second", 11],
  ["done", 9],
  ["failed", 8],
  ["missed", 8],
  ["lost", 6],
  ["wrong", 7],
  ["cut off", 9],
]);

/**
 * One row for each stream of work, in 80 columns. What is in the columns from "failed" to "wrong" should not be.
 *
 * @param {readonly Tally[]} tallies
 * @param {import("./style.mjs").Paint} paint
 * @param {(tally: Tally) => number} perSecond
 */
export function table(tallies, paint, perSecond) {
  const titles = COLUMNS.map(([title, width]) => title.padStart(width)).join("");
  return [
    paint.apply("dim", `${" ".repeat(LABEL)}${titles}`),
    ...tallies.map((tally) => row(tally, paint, perSecond(tally))),
    paint.apply("dim", "cut off: by the restart of Redis, as expected".padStart(79)),
  ];
}

/**
 * @param {Tally} tally
 * @param {import("./style.mjs").Paint} paint
 * @param {number} perSecond
 */
function row(tally, paint, perSecond) {
  const values = [
    perSecond,
    tally.done,
    tally.failed,
    tally.missed,
    tally.lost,
    tally.wrong,
    tally.interrupted,
  ];
  const cells = COLUMNS.map(([title, width], index) => {
    const value = values[index] ?? 0;
    const text = (title === "per second" ? rate(value) : count(value)).padStart(width);
    if (title === "per second" || title === "done") return text;
    const alarm = title === "cut off" ? "yellow" : "red";
    return paint.apply(value === 0 ? "dim" : alarm, text);
  });
  return `${tally.label.padEnd(LABEL)}${cells.join("")}`;
}

/** @param {number} perSecond */
function rate(perSecond) {
  return perSecond > 0 && perSecond < 1 ? perSecond.toFixed(1) : count(perSecond);
}
