import type { IdentityStatus, InstanceStatus, ProxyStatus } from "../status.js";
import type { LoopFigures } from "./event-loop.js";
import { type Labels, type MetricFamily, type MetricType, PREFIX, type Sample } from "./exposition.js";
import { loopMetrics } from "./process-metrics.js";
import { CONNECT_BUCKETS_S, type Counts, type Tally } from "./tally.js";

const PROXY_STATES = ["starting", "ready", "draining", "closed"] as const;
const TOKEN_STATES = [
  "idle",
  "requesting",
  "fresh",
  "refreshing",
  "stale",
  "expired",
  "refused",
  "closed",
] as const;

type InstanceMetric = readonly [
  name: string,
  type: MetricType,
  help: string,
  value: (instance: InstanceStatus) => number | undefined,
];

const INSTANCE_METRICS: readonly InstanceMetric[] = [
  ["open_client_connections", "gauge", "Clients that are connected.", (one) => one.counters.openClients],
  ["max_client_connections", "gauge", "Clients that may be connected.", (one) => one.maxClients],
  [
    "idle_client_connections",
    "gauge",
    "Clients that wait for no answer and hold nothing of a connection to the server.",
    (one) => one.idleClients,
  ],
  ["client_connections", "counter", "Clients that have been let in.", (one) => one.counters.clients],
  [
    "client_connections_over_limit",
    "counter",
    "Clients that were turned away because there were as many as there may be.",
    (one) => one.counters.clientsOverLimit,
  ],
  ["client_received_bytes", "counter", "Bytes of the clients' commands.", (one) => one.counters.bytesIn],
  ["client_sent_bytes", "counter", "Bytes of replies and messages.", (one) => one.counters.bytesOut],
  [
    "open_upstream_connections",
    "gauge",
    "Connections to the server that are open.",
    (one) => one.counters.openUpstreams,
  ],
  [
    "spare_upstream_connections",
    "gauge",
    "Connections to the server that wait for a next client.",
    (one) => one.spareUpstreams,
  ],
  ["cluster_nodes", "gauge", "Nodes of a cluster that have a local port.", (one) => one.nodes?.length],
  [
    "upstream_connections",
    "counter",
    "Connections to the server that were opened and let in.",
    (one) => one.counters.upstreams,
  ],
  [
    "upstream_last_connected_timestamp_seconds",
    "gauge",
    "When a connection to the server last succeeded.",
    (one) => seconds(one.lastConnectedAtMs),
  ],
  [
    "reauthentications",
    "counter",
    "Logins of live connections with a new token.",
    (one) => one.counters.reauthentications,
  ],
  [
    "reauthentication_failures",
    "counter",
    "Attempts to log in a live connection that failed; each is made again.",
    (one) => one.counters.reauthenticationFailures,
  ],
];

type IdentityMetric = readonly [
  name: string,
  help: string,
  value: (identity: IdentityStatus, nowMs: number) => number | undefined,
];

const IDENTITY_METRICS: readonly IdentityMetric[] = [
  [
    "token_expiry_timestamp_seconds",
    "When the current token ends.",
    ({ expiresAtMs }) => seconds(expiresAtMs),
  ],
  [
    "token_remaining_seconds",
    "How long the current token still lasts; 0 without a valid one.",
    ({ expiresAtMs = 0 }, nowMs) => Math.max(0, expiresAtMs - nowMs) / 1_000,
  ],
  [
    "token_lifetime_seconds",
    "How long the current token lasts from its receipt to its end.",
    ({ expiresAtMs, issuedAtMs }) =>
      expiresAtMs === undefined || issuedAtMs === undefined ? undefined : (expiresAtMs - issuedAtMs) / 1_000,
  ],
  [
    "token_failures_in_a_row",
    "Requests for a token that have failed since the last success.",
    (one) => one.failures,
  ],
  [
    "identity_clock_skew_seconds",
    "How far the identity provider's clock is ahead of ours.",
    ({ clockSkewMs }) => seconds(clockSkewMs),
  ],
  ["authenticated_connections", "Connections that are kept authenticated.", (one) => one.connections],
];

/** What is known of the process besides the proxy's status. */
export interface ProcessFacts {
  readonly version: string;
  readonly loop: LoopFigures;
  readonly nowMs: number;
}

/**
 * Everything that the proxy measures. The labels are names of the configuration, and short lists of our own; `instance`
 * is none of them, since Prometheus gives it to whatever it scrapes.
 */
export function metrics(status: ProxyStatus, tally: Tally, facts: ProcessFacts): MetricFamily[] {
  return [
    family("build", "info", "The version that runs.", [
      { labels: { version: facts.version, node: process.versions.node }, value: 1 },
    ]),
    family("state", "gauge", "What the proxy is doing: 1 for the state that it is in.", states(status)),
    ...INSTANCE_METRICS.map(([name, type, help, value]) =>
      family(
        name,
        type,
        help,
        status.instances.flatMap((one) => sample({ cache: one.name }, value(one))),
      ),
    ),
    family(
      "client_disconnections",
      "counter",
      "Clients that have gone, by reason.",
      counted(tally.clientEnds, "cache", "reason"),
    ),
    family(
      "upstream_connection_failures",
      "counter",
      "Connections to the server that could not be opened, by error code.",
      counted(tally.upstreamFailures, "cache", "code"),
    ),
    family(
      "upstream_connect_duration_seconds",
      "histogram",
      "From the first packet to the accepted login.",
      durations(tally),
    ),
    ...IDENTITY_METRICS.map(([name, help, value]) =>
      family(
        name,
        "gauge",
        help,
        status.identities.flatMap((one) => sample({ identity: one.description }, value(one, facts.nowMs))),
      ),
    ),
    family(
      "identity_state",
      "gauge",
      "What the identity is doing: 1 for the state that it is in.",
      status.identities.flatMap(({ description, state }) =>
        TOKEN_STATES.map((one) => ({
          labels: { identity: description, state: one },
          value: Number(one === state),
        })),
      ),
    ),
    family(
      "token_refreshes",
      "counter",
      "Tokens that have arrived.",
      status.identities.map(({ description }) => ({
        labels: { identity: description },
        value: tally.tokens.get(description) ?? 0,
      })),
    ),
    family(
      "token_refresh_failures",
      "counter",
      "Requests for a token that failed, by error code.",
      counted(tally.refreshFailures, "identity", "code"),
    ),
    ...loopMetrics(facts.loop),
  ];
}

function family(name: string, type: MetricType, help: string, samples: readonly Sample[]): MetricFamily {
  return { name: `${PREFIX}${name}`, type, help, samples };
}

function sample(labels: Labels, value: number | undefined): Sample[] {
  return value === undefined ? [] : [{ labels, value }];
}

function states({ state }: ProxyStatus): Sample[] {
  return PROXY_STATES.map((one) => ({ labels: { state: one }, value: Number(one === state) }));
}

function counted(groups: ReadonlyMap<string, Counts>, group: string, kind: string): Sample[] {
  return [...groups].flatMap(([outer, counts]) =>
    [...counts].map(([inner, value]) => ({ labels: { [group]: outer, [kind]: inner }, value })),
  );
}

function durations({ connects }: Tally): Sample[] {
  return [...connects].flatMap(([instance, { buckets, sumS, count }]) => [
    ...CONNECT_BUCKETS_S.map((bound, index) => ({
      suffix: "_bucket",
      labels: { cache: instance, le: Number.isInteger(bound) ? `${bound}.0` : String(bound) },
      value: buckets[index] ?? 0,
    })),
    { suffix: "_bucket", labels: { cache: instance, le: "+Inf" }, value: count },
    { suffix: "_sum", labels: { cache: instance }, value: sumS },
    { suffix: "_count", labels: { cache: instance }, value: count },
  ]);
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1_000;
}
