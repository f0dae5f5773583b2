import { createHash } from "node:crypto";
import { Html, html } from "../html.js";
import { type PageFacts, pageParts } from "./parts.js";
import { SCRIPT } from "./script.js";
import { STYLE } from "./style.js";
import { time } from "./text.js";

/** The page's own style and script, by their hashes, and nothing else from anywhere. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${hashOf(STYLE)}'`,
  `script-src 'sha256-${hashOf(SCRIPT)}'`,
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}

/** What changes on the page, by the id of its element; `title` is the document's, as plain text. */
export type LiveParts = Readonly<Record<string, string>>;

export function liveParts(facts: PageFacts): LiveParts {
  const parts = Object.entries(pageParts(facts)).map(([id, { text }]) => [id, text]);
  return {
    title: titleOf(facts),
    ...Object.fromEntries(parts),
    updated: time(facts.nowMs, facts.nowMs).text,
  };
}

/** The whole page, complete without JavaScript. */
export function page(facts: PageFacts, version: string): string {
  const parts = pageParts(facts);
  const { text } = html`<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${titleOf(facts)}</title>
<link rel="icon" href="data:,">
<style>${new Html(STYLE)}</style>
</head>
<body>
<header>
<div class="bar"><h1>redis-passwordless proxy</h1>
<p class="quiet">Updated <span id="updated">${time(facts.nowMs, facts.nowMs)}</span> UTC · <a href="./">Reload</a> <span class="pill" id="live"></span></p></div>
<p class="verdict" id="verdict" role="status">${parts.verdict}</p>
</header>
<main>
<div id="problems">${parts.problems}</div>
<section aria-labelledby="caches-title"><h2 id="caches-title">Caches</h2><div class="cards" id="caches">${parts.caches}</div></section>
<section aria-labelledby="identities-title"><h2 id="identities-title">Identities</h2><div class="cards" id="identities">${parts.identities}</div></section>
<section aria-labelledby="timeline-title"><h2 id="timeline-title">Timeline</h2><div id="timeline">${parts.timeline}</div></section>
</main>
<footer>
<nav aria-label="For machines"><a href="status">Status as JSON</a><a href="metrics">Metrics</a><a href="startup">Startup</a><a href="readiness">Readiness</a><a href="liveness">Liveness</a></nav>
<p>Version ${version}, Node.js ${process.versions.node}, process ${process.pid}, started ${time(facts.status.startedAtMs, facts.nowMs)} UTC</p>
</footer>
<script>${new Html(SCRIPT)}</script>
</body>
</html>
`;
  return text;
}

function titleOf({ status: { state }, reasons }: PageFacts): string {
  const word = reasons.length > 0 && state === "ready" ? "not ready" : state;
  return `${word.charAt(0).toUpperCase()}${word.slice(1)} · redis-passwordless proxy`;
}
