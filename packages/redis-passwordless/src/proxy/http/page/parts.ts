import { duration } from "../../../explain/duration.js";
import type { Trouble } from "../../logs/index.js";
import type { IdentityStatus, InstanceStatus, ProxyStatus } from "../../status.js";
import type { HealthReason } from "../health.js";
import { type Html, html } from "../html.js";
import type { TimelineEntry, TokenSpan } from "../timeline.js";
import { type Problem, problemsOf } from "./problems.js";
import { counted, idOf, size, time } from "./text.js";
import { tokenStrip } from "./token-strip.js";

/** Everything that the page shows. */
export interface PageFacts {
  readonly status: ProxyStatus;
  readonly reasons: readonly HealthReason[];
  readonly entries: readonly TimelineEntry[];
  readonly tokensOf: (identity: string) => readonly TokenSpan[];
  readonly nowMs: number;
}

/** The parts of the page that change, each the content of the element with its id. */
export type PageParts = Readonly<Record<"verdict" | "problems" | "caches" | "identities" | "timeline", Html>>;

const STATE_WORDS = { starting: "Starting", ready: "Ready", draining: "Draining", closed: "Closed" } as const;

export function pageParts(facts: PageFacts): PageParts {
  const { status, reasons, nowMs } = facts;
  const problems = problemsOf(status, reasons, nowMs);
  return {
    verdict: verdict(status, problems),
    problems: html`${problems.map(problemCard)}`,
    caches: html`${status.instances.map((one) => cacheCard(one, nowMs))}`,
    identities: html`${status.identities.map((one) =>
      identityCard(one, facts.tokensOf(one.description), nowMs),
    )}`,
    timeline: timeline(facts.entries, nowMs),
  };
}

function verdict({ state, instances }: ProxyStatus, problems: readonly Problem[]): Html {
  const tone = problems.some(({ severity }) => severity === "bad")
    ? "bad"
    : problems.length > 0 || state !== "ready"
      ? "doubtful"
      : "good";
  const clients = instances.reduce((sum, { counters }) => sum + counters.openClients, 0);
  const served = `${counted(clients, "client")} on ${counted(instances.length, "cache")}`;
  const sentence = {
    good: `Everything works: ${served}.`,
    doubtful:
      problems.length > 0
        ? `Clients are served, with ${counted(problems.length, "warning")}: ${served}.`
        : `${served}.`,
    bad: `New clients cannot be served everywhere: ${counted(problems.length, "problem")}.`,
  }[tone];
  const word = tone === "bad" && state === "ready" ? "Not ready" : STATE_WORDS[state];
  return html`<span class="pill ${tone}">${word}</span> ${sentence}`;
}

function problemCard({ severity, id, title, trouble }: Problem): Html {
  return html`<article class="card problem ${severity}" id="problem-${idOf(id)}">
<h3>${title}</h3>
${trouble === undefined ? "" : troubleText(trouble, `problem-${idOf(id)}`)}
</article>`;
}

function troubleText({ observed, remedy, docsUrl, rule }: Trouble, id: string): Html {
  return html`<p class="observed">${observed}</p>
${remedy === undefined ? "" : html`<p class="remedy"><b>Remedy</b> ${remedy}</p>`}
${
  docsUrl === undefined
    ? ""
    : html`<p><a id="${id}-more" href="${docsUrl}" rel="noreferrer">More about <code>${rule}</code></a></p>`
}`;
}

function fact(name: string, value: Html | string): Html {
  return html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
}

function cacheCard(instance: InstanceStatus, nowMs: number): Html {
  const { name, endpoint, listening, identity, counters, maxClients, lastConnectedAtMs, lastFailure } =
    instance;
  const { idleClients, spareUpstreams, nodes = [] } = instance;
  const [tone, word] =
    lastFailure !== undefined
      ? ["bad", "failing"]
      : lastConnectedAtMs === undefined
        ? ["quiet", "not used yet"]
        : ["good", "reachable"];
  const clients =
    maxClients === undefined
      ? counted(counters.openClients, "client")
      : `${counters.openClients.toLocaleString("en-GB")} of ${counted(maxClients, "client")}`;
  return html`<article class="card">
<h3>${name} <span class="pill ${tone}">${word}</span></h3>
<p><code>${endpoint}</code></p>
<p class="figure">${clients}</p>
<dl>
${fact("Listening on", html`${listening.map((address) => html`<code>${address}</code> `)}`)}
${fact("Logs in as", identity)}
${nodes.length === 0 ? "" : fact("Nodes of the cluster", clusterNodes(nodes))}
${fact("Clients at rest", idleClients.toLocaleString("en-GB"))}
${fact("Connections to the cache", `${counters.openUpstreams} open (${spareUpstreams} spare), ${counters.upstreams} so far`)}
${fact("Failed connections", String(counters.upstreamFailures))}
${fact("Logins renewed in place", counters.reauthentications.toLocaleString("en-GB"))}
${fact("Received, sent", `${size(counters.bytesIn)}, ${size(counters.bytesOut)}`)}
${fact("Last connected", lastConnectedAtMs === undefined ? "never" : time(lastConnectedAtMs, nowMs))}
</dl>
</article>`;
}

function clusterNodes(nodes: NonNullable<InstanceStatus["nodes"]>): Html {
  return html`${nodes.map(({ endpoint, port }) => html`<code>${endpoint}</code> on port ${String(port)}<br>`)}`;
}

/** Microsoft asks for the new token at least this long before the old one ends, in milliseconds. */
const LATE_MS = 180_000;

function identityCard(identity: IdentityStatus, tokens: readonly TokenSpan[], nowMs: number): Html {
  const { description, state, username, issuedAtMs, expiresAtMs, failures, connections, clockSkewMs } =
    identity;
  const tone =
    failures > 0 ? (expiresAtMs !== undefined && expiresAtMs > nowMs ? "doubtful" : "bad") : "good";
  return html`<article class="card">
<h3>${description} <span class="pill ${tone}">${state}</span></h3>
${issuedAtMs === undefined || expiresAtMs === undefined ? html`<p class="figure">no token</p>` : tokenLife(description, issuedAtMs, expiresAtMs, nowMs)}
${tokenStrip(description, tokens, nowMs)}
<dl>
${fact("Redis user name", username === undefined ? "not known yet" : html`<code>${username}</code>`)}
${fact("Keeps authenticated", counted(connections, "connection"))}
${fact("Failures in a row", String(failures))}
${clockSkewMs === undefined ? "" : fact("Clock of the identity provider", skew(clockSkewMs))}
</dl>
</article>`;
}

function tokenLife(description: string, issuedAtMs: number, expiresAtMs: number, nowMs: number): Html {
  const lifetimeS = Math.max(1, Math.round((expiresAtMs - issuedAtMs) / 1_000));
  const leftS = Math.min(lifetimeS, Math.max(0, Math.round((expiresAtMs - nowMs) / 1_000)));
  const lowS = Math.min(LATE_MS / 1_000, lifetimeS / 10);
  const text = `${duration(leftS * 1_000)} of ${duration(lifetimeS * 1_000)} left`;
  return html`<p class="figure">${text}</p>
<meter min="0" max="${lifetimeS}" low="${lowS}" high="${lifetimeS}" optimum="${lifetimeS}" value="${leftS}" aria-label="Life of the token of the ${description}">${text}</meter>
<p class="quiet">received ${time(issuedAtMs, nowMs)}, ends ${time(expiresAtMs, nowMs)} UTC</p>`;
}

function skew(ms: number): string {
  if (Math.abs(ms) < 1_000) return "agrees with ours";
  return `${duration(Math.abs(ms))} ${ms > 0 ? "ahead of" : "behind"} ours`;
}

const LEVEL_TONES = { debug: "quiet", info: "good", warn: "doubtful", error: "bad" } as const;
const LEVEL_WORDS = { debug: "Detail", info: "Information", warn: "Warning", error: "Error" } as const;

function timeline(entries: readonly TimelineEntry[], nowMs: number): Html {
  if (entries.length === 0) return html`<p class="quiet">Nothing has happened yet.</p>`;
  return html`<ol class="timeline">${entries.map((entry) => timelineItem(entry, nowMs))}</ol>`;
}

function timelineItem({ id, notice, firstAtMs, times }: TimelineEntry, nowMs: number): Html {
  const { level, event, atMs, text, fields, trouble } = notice;
  const again =
    times === 1 ? "" : html` <span class="times">${times} times since ${time(firstAtMs, nowMs)}</span>`;
  const subject = String(fields["instance"] ?? fields["identity"] ?? "");
  const about = text.includes(subject) ? undefined : subject;
  return html`<li class="${LEVEL_TONES[level]}${event === "rotation" ? " rotation" : ""}">
${time(atMs, nowMs)} <span class="visually-hidden">${LEVEL_WORDS[level]}:</span>
<div>${text}.${again}${about === undefined ? "" : html` <span class="quiet">${about}</span>`}
${
  trouble === undefined
    ? ""
    : html`<details id="event-${id}"><summary id="event-${id}-why">Why, and what to do</summary>${troubleText(trouble, `event-${id}`)}</details>`
}</div></li>`;
}
