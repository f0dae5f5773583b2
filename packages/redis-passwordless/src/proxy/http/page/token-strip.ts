import { type Html, html } from "../html.js";
import type { TokenSpan } from "../timeline.js";
import { counted, time } from "./text.js";

const WIDTH = 1_000;
const LANE = 16;

/**
 * The last tokens along the time axis, in two lanes: each must begin before the one before it ends. Everything is an
 * attribute of SVG, which needs no permission for inline styles.
 */
export function tokenStrip(identity: string, tokens: readonly TokenSpan[], nowMs: number): Html {
  const [first] = tokens;
  const last = tokens.at(-1);
  if (first === undefined || last === undefined) return html``;
  const beginMs = first.receivedAtMs;
  const endMs = Math.max(last.expiresAtMs, nowMs, beginMs + 1);
  const x = (ms: number): number =>
    Math.round(((Math.min(ms, endMs) - beginMs) / (endMs - beginMs)) * WIDTH * 10) / 10;
  const gaps = tokens.filter(
    (token, index) => token.receivedAtMs > (tokens[index - 1]?.expiresAtMs ?? Infinity),
  );
  const label = `Life of the last ${counted(tokens.length, "token")} of the ${identity}: ${
    gaps.length === 0
      ? "each came before the one before it ended"
      : `${counted(gaps.length, "gap")} between them`
  }`;
  return html`<svg class="strip" role="img" aria-label="${label}" viewBox="0 0 ${WIDTH} ${2 * LANE + 4}" preserveAspectRatio="none">
${tokens.map(
  (token, index) =>
    html`<rect class="${token === last ? "current" : "past"}" x="${x(token.receivedAtMs)}" y="${(index % 2) * (LANE + 4)}" width="${Math.max(2, x(token.expiresAtMs) - x(token.receivedAtMs))}" height="${LANE}" rx="4"/>`,
)}
<line class="now" x1="${x(nowMs)}" x2="${x(nowMs)}" y1="0" y2="${2 * LANE + 4}"/>
</svg>
<p class="quiet strip-ends"><span>${time(beginMs, nowMs)}</span><span>${tokens.length === 1 ? "this token" : `the last ${counted(tokens.length, "token")}`}</span><span>${time(endMs, nowMs)}</span></p>`;
}
