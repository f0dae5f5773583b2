import { describe, expect, test } from "vitest";
import { EventLoopWatch } from "../../../src/proxy/metrics/event-loop.js";
import {
  acceptedFormat,
  type ExpositionFormat,
  exposition,
  type MetricFamily,
} from "../../../src/proxy/metrics/exposition.js";
import { metrics } from "../../../src/proxy/metrics/metrics.js";
import { processMetrics } from "../../../src/proxy/metrics/process-metrics.js";
import { Tally } from "../../../src/proxy/metrics/tally.js";
import { connectionRefused, IDENTITY, NOW_MS, ReportedProxy, SERVER, tokenUntil } from "../view.js";

const HELP = /^# HELP ([a-z_0-9]+) \S.*$/;
const TYPE = /^# TYPE ([a-z_0-9]+) (counter|gauge|histogram|info)$/;
const SAMPLE =
  /^([a-z_0-9]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*")(?:,[a-z]+="(?:[^"\\\n]|\\["\\n])*")*)\})? (-?\d+(?:\.\d+)?(?:e[+-]\d+)?|NaN|[+-]Inf)$/;

/** Reads an exposition by the grammar, and fails on whatever a scraper would not take. */
function read(text: string, format: ExpositionFormat): Map<string, number> {
  const lines = text.split("\n");
  expect(lines.pop()).toBe("");
  if (format === "openmetrics") expect(lines.pop()).toBe("# EOF");
  const samples = new Map<string, number>();
  const families = new Set<string>();
  let family = "";
  for (const line of lines) {
    const [, help] = HELP.exec(line) ?? [];
    const [, typed] = TYPE.exec(line) ?? [];
    if (help !== undefined) {
      expect(families.has(help), `${help} comes twice`).toBe(false);
      families.add(help);
      family = help;
    } else if (typed !== undefined) expect(typed).toBe(family);
    else {
      const [, name = "", labels = "", value] = SAMPLE.exec(line) ?? [];
      expect(name, line).toMatch(new RegExp(`^${family}(_total|_info|_bucket|_sum|_count)?$`));
      expect(samples.has(`${name}{${labels}}`), `${line} comes twice`).toBe(false);
      samples.set(`${name}{${labels}}`, Number(value));
    }
  }
  return samples;
}

function measured(): MetricFamily[] {
  const proxy = new ReportedProxy();
  proxy.instance.maxClients = 100;
  const tally = new Tally(proxy, () => NOW_MS);
  const error = connectionRefused();
  proxy.emit("upstreamFailed", { instance: "orders", server: SERVER, error });
  proxy.emit("upstreamFailed", { instance: "orders", server: SERVER, error });
  for (const tookMs of [4, 30, 30, 60_000]) {
    proxy.emit("upstreamConnected", { instance: "orders", server: SERVER, tookMs });
  }
  proxy.emit("clientClosed", { instance: "orders", client: 1, reason: "expiry", openMs: 1 });
  proxy.emit("tokenRefreshed", { identity: IDENTITY, token: tokenUntil(NOW_MS + 1) });
  const failure = { identity: IDENTITY, attempt: 1, lasting: false, nextAttemptAtMs: NOW_MS };
  proxy.emit("refreshFailing", { ...failure, error });
  proxy.emit("refreshFailing", { ...failure, error: new Error("whatever a server makes up") });
  using loop = new EventLoopWatch();
  return [
    ...metrics(proxy.status(), tally, { version: "1.2.3", loop: loop.figures, nowMs: NOW_MS }),
    ...processMetrics(),
  ];
}

describe.each(["prometheus", "openmetrics"] as const)("%s", (format) => {
  test("has what operators look at, by the grammar of the format", () => {
    const samples = read(exposition(measured(), format), format);
    const of = (name: string, labels = ""): number | undefined =>
      samples.get(`redis_passwordless_${name}{${labels}}`);
    const orders = 'cache="orders"';
    const identity = `identity="${IDENTITY}"`;
    expect({
      clients: of("open_client_connections", orders),
      mostClients: of("max_client_connections", orders),
      received: of("client_received_bytes_total", orders),
      sent: of("client_sent_bytes_total", orders),
      upstreams: of("upstream_connections_total", orders),
      reauthentications: of("reauthentications_total", orders),
      refused: of(
        "upstream_connection_failures_total",
        `${orders},code="ERR_PASSWORDLESS_CONNECTION_FAILED"`,
      ),
      expired: of("client_disconnections_total", `${orders},reason="expiry"`),
      tokenLeft: of("token_remaining_seconds", identity),
      tokenLife: of("token_lifetime_seconds", identity),
      tokens: of("token_refreshes_total", identity),
      known: of("token_refresh_failures_total", `${identity},code="ERR_PASSWORDLESS_CONNECTION_FAILED"`),
      unknown: of("token_refresh_failures_total", `${identity},code="other"`),
      ready: of("state", 'state="ready"'),
      draining: of("state", 'state="draining"'),
    }).toEqual({
      clients: 3,
      mostClients: 100,
      received: 12_345,
      sent: 1_234_567,
      upstreams: 18,
      reauthentications: 9,
      refused: 2,
      expired: 1,
      tokenLeft: 2_700,
      tokenLife: 3_600,
      tokens: 1,
      known: 1,
      unknown: 1,
      ready: 1,
      draining: 0,
    });
    expect(samples.get("process_resident_memory_bytes{}")).toBeGreaterThan(10_000_000);
    expect(samples.get("process_cpu_seconds_total{}")).toBeGreaterThan(0);
    expect(of("event_loop_lag_max_seconds")).toBeGreaterThanOrEqual(0);
  });

  test("counts the times to connect in buckets that grow", () => {
    const samples = read(exposition(measured(), format), format);
    const name = "redis_passwordless_upstream_connect_duration_seconds";
    const bucket = (le: string) => samples.get(`${name}_bucket{cache="orders",le="${le}"}`);
    expect(["0.005", "0.025", "0.05", "1.0", "10.0", "+Inf"].map(bucket)).toEqual([1, 1, 3, 3, 3, 4]);
    expect(samples.get(`${name}_count{cache="orders"}`)).toBe(4);
    expect(samples.get(`${name}_sum{cache="orders"}`)).toBeCloseTo(60.064);
  });

  test("escapes what names of the configuration may hold", () => {
    const family: MetricFamily = {
      name: "any",
      type: "gauge",
      help: 'a "name"\\\nof two lines',
      samples: [{ labels: { instance: 'a"b\\c\nd' }, value: Number.NaN }],
    };
    const text = exposition([family], format);
    expect(text).toContain('any{instance="a\\"b\\\\c\\nd"} NaN\n');
    expect(text).toContain(
      format === "openmetrics" ? 'a \\"name\\"\\\\\\nof two lines' : 'a "name"\\\\\\nof two lines',
    );
  });
});

test.each([
  [undefined, "prometheus"],
  ["*/*", "prometheus"],
  ["text/plain", "prometheus"],
  // What Prometheus 2.5 and 3 send.
  [
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    "openmetrics",
  ],
  ["application/openmetrics-text;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.5", "prometheus"],
  ["application/openmetrics-text;version=2.0.0", "prometheus"],
  ["application/openmetrics-text;q=0", "prometheus"],
] as const)("Accept: %s gets %s", (accept, expected) => {
  expect(acceptedFormat(accept)).toBe(expected);
});
