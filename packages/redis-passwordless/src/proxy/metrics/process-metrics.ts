import type { LoopFigures } from "./event-loop.js";
import { type MetricFamily, type MetricType, PREFIX } from "./exposition.js";

/** Whether the process gets round to its work. */
export function loopMetrics({ lagMeanS, lagP99S, lagMaxS, utilisation }: LoopFigures): MetricFamily[] {
  const gauge = (name: string, help: string, value: number): MetricFamily =>
    single(`${PREFIX}${name}`, "gauge", help, value);
  return [
    gauge(
      "event_loop_lag_mean_seconds",
      "How long what is ready waits for its turn; mean of 10 seconds.",
      lagMeanS,
    ),
    gauge("event_loop_lag_p99_seconds", "The same, 99th percentile of 10 seconds.", lagP99S),
    gauge("event_loop_lag_max_seconds", "The same, longest of 10 seconds.", lagMaxS),
    gauge(
      "event_loop_utilisation_ratio",
      "Share of the last 10 seconds in which the loop was at work.",
      utilisation,
    ),
  ];
}

/**
 * Memory and processor time, named as by every exporter.
 *
 * @see https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
 */
export function processMetrics(): MetricFamily[] {
  const { user, system } = process.cpuUsage();
  const memory = process.memoryUsage();
  return [
    single("process_cpu_seconds", "counter", "Processor time, user and system.", (user + system) / 1e6),
    single("process_resident_memory_bytes", "gauge", "Memory that is resident.", memory.rss),
    single("process_heap_bytes", "gauge", "Heap of JavaScript.", memory.heapTotal),
    single(
      "process_start_time_seconds",
      "gauge",
      "When the process has started, since the epoch.",
      Math.round(performance.timeOrigin) / 1_000,
    ),
  ];
}

function single(name: string, type: MetricType, help: string, value: number): MetricFamily {
  return { name, type, help, samples: [{ value }] };
}
