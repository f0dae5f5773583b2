import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import type { ProxyView } from "../view.js";
import { EventLoopWatch } from "./event-loop.js";
import { type Labels, type MetricFamily, PREFIX } from "./exposition.js";
import { metrics } from "./metrics.js";
import { CONNECT_BUCKETS_S, Tally } from "./tally.js";

/** An observable instrument; what it is made of is OpenTelemetry's. */
type Instrument = object;

interface InstrumentOptions {
  readonly description: string;
  readonly unit?: string;
  /** Known from 1.7 on. */
  readonly advice?: { readonly explicitBucketBoundaries: number[] };
}

interface ObservableResult {
  observe(instrument: Instrument, value: number, attributes: Labels): void;
}

type BatchCallback = (result: ObservableResult) => void;

/** The part of OpenTelemetry's `Meter` that is used, 1.3 to 1.9. */
interface Meter {
  createObservableCounter(name: string, options: InstrumentOptions): Instrument;
  createObservableGauge(name: string, options: InstrumentOptions): Instrument;
  createHistogram(
    name: string,
    options: InstrumentOptions,
  ): { record(value: number, attributes: Labels): void };
  addBatchObservableCallback(callback: BatchCallback, instruments: Instrument[]): void;
  removeBatchObservableCallback(callback: BatchCallback, instruments: Instrument[]): void;
}

interface Api {
  readonly metrics: { getMeter(name: string, version: string): Meter };
}

// A variable, so that neither the compiler nor the bundler looks for a package that few have.
const PACKAGE: string = "@opentelemetry/api";

/** Under this name all copies of the package, of one major version, share what has been registered. */
const REGISTRY = Symbol.for("opentelemetry.js.api.1");

/**
 * Reports the proxy's metrics to OpenTelemetry, if somebody has registered a meter provider before, such as
 * `node --import @opentelemetry/auto-instrumentations-node/register`; otherwise nothing is loaded.
 *
 * The names are those of `/metrics` in OpenTelemetry's way: an exporter for Prometheus makes the same of them.
 *
 * @returns ends the report; `undefined` when there is nobody to report to
 */
export async function reportToOpenTelemetry(
  view: ProxyView,
  version: string,
): Promise<Disposable | undefined> {
  if (!hasMeterProvider()) return undefined;
  const api = await loadApi();
  return api && report(view, version, api.metrics.getMeter("redis-passwordless", version));
}

function hasMeterProvider(): boolean {
  const registered = (globalThis as Record<symbol, unknown>)[REGISTRY];
  return typeof registered === "object" && registered !== null && "metrics" in registered;
}

/** From where this is installed, or from where the process was started: a global command sees no project's packages. */
async function loadApi(): Promise<Api | undefined> {
  try {
    return (await import(PACKAGE)) as Api;
  } catch {
    try {
      const path = createRequire(`${process.cwd()}/`).resolve(PACKAGE);
      return (await import(pathToFileURL(path).href)) as Api;
    } catch {
      process.emitWarning(
        `A meter provider of OpenTelemetry is registered, but ${PACKAGE} is not found: no metrics are reported to it. Install ${PACKAGE} beside redis-passwordless.`,
        { code: "PASSWORDLESS_OPENTELEMETRY_MISSING" },
      );
      return undefined;
    }
  }
}

function report(view: ProxyView, version: string, meter: Meter): Disposable {
  const tally = new Tally(view);
  const loop = new EventLoopWatch();
  const families = (): MetricFamily[] =>
    metrics(view.status(), tally, { version, loop: loop.figures, nowMs: Date.now() });
  const instruments = new Map<string, Instrument>();
  for (const { name, type, help } of families()) {
    if (type !== "counter" && type !== "gauge") continue;
    const options = { description: help, ...unitOf(name) };
    instruments.set(
      name,
      type === "counter"
        ? meter.createObservableCounter(nameOf(name), options)
        : meter.createObservableGauge(nameOf(name), options),
    );
  }
  const all = [...instruments.values()];
  const observe: BatchCallback = (result) => {
    for (const { name, samples } of families()) {
      const instrument = instruments.get(name);
      if (instrument === undefined) continue;
      for (const { value, labels = {} } of samples) result.observe(instrument, value, labels);
    }
  };
  meter.addBatchObservableCallback(observe, all);
  const connects = meter.createHistogram(`${nameOf(PREFIX)}upstream_connect_duration`, {
    description: "From the first packet to the accepted login.",
    unit: "s",
    advice: { explicitBucketBoundaries: [...CONNECT_BUCKETS_S] },
  });
  const listener = view.on("upstreamConnected", ({ instance, tookMs }) =>
    connects.record(tookMs / 1_000, { cache: instance }),
  );
  return {
    [Symbol.dispose]: () => {
      meter.removeBatchObservableCallback(observe, all);
      listener[Symbol.dispose]();
      tally[Symbol.dispose]();
      loop[Symbol.dispose]();
    },
  };
}

const UNITS: Readonly<Record<string, string>> = { _seconds: "s", _bytes: "By", _ratio: "1" };
const UNIT = /_(?:seconds|bytes|ratio)$/;

/** With a dot behind the name space, and without the unit, which OpenTelemetry keeps apart. */
function nameOf(name: string): string {
  return name.replace(PREFIX, "redis_passwordless.").replace(UNIT, "");
}

function unitOf(name: string): { readonly unit?: string } {
  const unit = UNITS[UNIT.exec(name)?.[0] ?? ""];
  return unit === undefined ? {} : { unit };
}
