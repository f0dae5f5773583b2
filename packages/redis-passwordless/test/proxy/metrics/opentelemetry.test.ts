import { metrics } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { afterEach, expect, test } from "vitest";
import { reportToOpenTelemetry } from "../../../src/proxy/metrics/opentelemetry.js";
import { IDENTITY, ReportedProxy, SERVER } from "../view.js";

afterEach(() => metrics.disable());

/** A provider that is asked by hand. */
function registered() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  return async () => {
    exporter.reset();
    await reader.forceFlush();
    const all = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((one) => one.metrics));
    return new Map(all.map(({ descriptor, dataPoints }) => [descriptor.name, { descriptor, dataPoints }]));
  };
}

test("without a meter provider nothing is reported", async () => {
  expect(await reportToOpenTelemetry(new ReportedProxy(), "1.2.3")).toBeUndefined();
});

test("counters, gauges and times to connect reach the meter provider, until the report ends", async () => {
  const collect = registered();
  const proxy = new ReportedProxy();
  const report = await reportToOpenTelemetry(proxy, "1.2.3");
  proxy.emit("upstreamConnected", { instance: "orders", server: SERVER, tookMs: 30 });
  proxy.instance.counters.bytesIn = 54_321;
  const found = await collect();
  const point = (name: string) => found.get(`redis_passwordless.${name}`)?.dataPoints[0];
  expect(point("client_received")).toMatchObject({ value: 54_321, attributes: { cache: "orders" } });
  expect(point("open_client_connections")).toMatchObject({ value: 3 });
  expect(point("authenticated_connections")).toMatchObject({ value: 3, attributes: { identity: IDENTITY } });
  expect(point("upstream_connect_duration")).toMatchObject({ value: { count: 1, sum: 0.03 } });
  expect(found.get("redis_passwordless.client_received")?.descriptor).toMatchObject({ unit: "By" });
  report![Symbol.dispose]();
  proxy.instance.counters.bytesIn = 99_999;
  // A sum that is told no more stays what it was.
  const after = (await collect()).get("redis_passwordless.client_received");
  expect(after?.dataPoints[0]).toMatchObject({ value: 54_321 });
});
