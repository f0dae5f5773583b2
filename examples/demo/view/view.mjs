import { frame, line } from "./frame.mjs";
import { Rates } from "./rates.mjs";
import { count } from "./style.mjs";

/** @typedef {import("./frame.mjs").Scene} Scene */
/** @typedef {import("./style.mjs").Paint} Paint */

const REDRAW_MS = 100;
const REPORT_MS = 5_000;

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR_TO_LINE_END = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";
const CUT_LONG_LINES = "\x1b[?7l";
const WRAP_LONG_LINES = "\x1b[?7h";

/**
 * Shows the demo until closed.
 *
 * @param {Scene} scene
 * @param {Paint} paint colourful: a picture that is redrawn in place; else lines
 * @returns {Disposable & { close(): void }}
 */
export function show(scene, paint) {
  const close = paint.isColourful ? drawPictures(scene, paint) : printLines(scene, paint);
  return { close, [Symbol.dispose]: close };
}

/**
 * @param {Scene} scene
 * @param {Paint} paint
 */
function drawPictures(scene, paint) {
  const { stdout } = process;
  const rates = new Rates();
  let height = 0;
  const draw = () => {
    rates.sample(scene.tallies);
    // A terminal that is too low shows the upper part: what does not fit could not be redrawn in place.
    const lines = frame(scene, paint, rates).slice(0, Math.max(1, (stdout.rows ?? 40) - 1));
    const up = height === 0 ? "" : `\x1b[${height}A\r`;
    stdout.write(`${up}${lines.map((text) => `${text}${CLEAR_TO_LINE_END}\n`).join("")}${CLEAR_BELOW}`);
    height = lines.length;
  };
  stdout.write(HIDE_CURSOR + CUT_LONG_LINES);
  draw();
  const timer = setInterval(draw, REDRAW_MS);
  return () => {
    clearInterval(timer);
    // What stays on the screen is the story, in full; the summary follows.
    stdout.write(`\x1b[${height}A\r${CLEAR_BELOW}${WRAP_LONG_LINES}${SHOW_CURSOR}\n`);
    for (const entry of scene.journal.entries) console.log(line(entry, paint));
  };
}

/**
 * @param {Scene} scene
 * @param {Paint} paint
 */
function printLines(scene, paint) {
  const rates = new Rates();
  const report = () => {
    rates.sample(scene.tallies);
    const { rotations, tallies, stage } = scene;
    const sum = (/** @type {"failed" | "missed" | "lost" | "wrong"} */ name) =>
      count(tallies.reduce((total, tally) => total + tally[name], 0));
    const perSecond = count(tallies.reduce((total, tally) => total + rates.of(tally), 0));
    scene.journal.write(
      `rotations ${rotations.over} of ${scene.wanted}, ${perSecond} per second, failed ${sum("failed")}, missed ${sum("missed")}, lost ${sum("lost")}, wrong ${sum("wrong")}, token requests ${stage.tokenRequests}`,
    );
  };
  for (const entry of scene.journal.entries) console.log(line(entry, paint));
  scene.journal.onEntry = (entry) => console.log(line(entry, paint));
  rates.sample(scene.tallies);
  const timer = setInterval(report, REPORT_MS);
  return () => {
    clearInterval(timer);
    scene.journal.onEntry = () => {};
  };
}
