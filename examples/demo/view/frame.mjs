import { bar } from "./style.mjs";
import { table } from "./table.mjs";

/**
 * @typedef {object} Scene what there is to see
 * @property {import("../stage.mjs").Stage} stage
 * @property {import("../rotations.mjs").Rotations} rotations
 * @property {import("../journal.mjs").Journal} journal
 * @property {readonly import("../tally.mjs").Tally[]} tallies
 * @property {number} wanted rotations
 * @property {number} tokenLifetimeMs
 */

const BAR = 40;
const RECENT = 7;

/** What the states of an identity mean to somebody who watches. */
const STATES = /** @type {Record<string, string>} */ ({
  idle: "not needed yet",
  requesting: "asking for the first token",
  fresh: "valid",
  refreshing: "valid, asking for the next",
  stale: "valid, the next one does not come",
  expired: "no valid token",
  refused: "refused",
  closed: "closed",
});

/**
 * One picture of the demo, in at most 80 columns.
 *
 * @param {Scene} scene
 * @param {import("./style.mjs").Paint} paint
 * @param {import("./rates.mjs").Rates} rates
 * @returns {string[]}
 */
export function frame(scene, paint, rates) {
  const { stage, journal, tallies } = scene;
  const life = `tokens of ${scene.tokenLifetimeMs / 1_000} s`;
  const head = `${paint.apply("bold", "redis-passwordless")}  ${stage.azure.redis.server}, ${stage.connections} connections, one identity, ${life}`;
  return [
    "",
    head,
    "",
    ...tokenLife(scene, paint),
    "",
    ...table(tallies, paint, (tally) => rates.of(tally)),
    "",
    ...journal.entries.slice(-RECENT).map((entry) => line(entry, paint)),
    ...Array.from({ length: Math.max(0, RECENT - journal.entries.length) }, () => ""),
    "",
    paint.apply("dim", `${(journal.elapsedMs / 1_000).toFixed(0)} s   Ctrl-C ends it`),
  ];
}

/**
 * @param {Scene} scene
 * @param {import("./style.mjs").Paint} paint
 */
function tokenLife({ stage, rotations, wanted }, paint) {
  const { startedAtMs, expiresAtMs } = rotations.current;
  const leftMs = Math.max(0, expiresAtMs - Date.now());
  const share = expiresAtMs === 0 ? 0 : leftMs / (expiresAtMs - startedAtMs);
  const { state } = stage.identity.status;
  const { full, rest } = bar(share, BAR);
  const colour = state === "stale" ? "yellow" : state === "expired" || state === "refused" ? "red" : "green";
  const left = `${(leftMs / 1_000).toFixed(1)} s left`.padEnd(12);
  return [
    `token ${String(rotations.tokens).padEnd(3)} ${paint.apply(colour, full)}${paint.apply("dim", rest)} ${left}`,
    `${"".padEnd(9)} ${paint.apply(colour, STATES[state] ?? state)}`,
    `rotations ${paint.apply("bold", `${rotations.over} of ${wanted}`)}    logins on open connections ${rotations.logins}    token requests ${stage.tokenRequests}`,
  ];
}

/**
 * @param {import("../journal.mjs").Entry} entry
 * @param {import("./style.mjs").Paint} paint
 */
export function line({ atMs, mood, text }, paint) {
  const styles = /** @type {const} */ ({ good: "green", trouble: "yellow", bad: "red" });
  const time = paint.apply("dim", `${(atMs / 1_000).toFixed(1)} s`.padStart(6));
  return `${time}  ${mood === "plain" ? text : paint.apply(styles[mood], text)}`;
}
