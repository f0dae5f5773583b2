import { existsSync, readFileSync } from "node:fs";

/** What a process has resident, in bytes; nothing is asked of the process itself. */
export function residentBytes(pid: number): number {
  const [, kB] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kB) * 1_024;
}

export function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** The medians of the thirds of a series, in order. */
export function thirds(values: readonly number[]): readonly [number, number, number] {
  const third = Math.floor(values.length / 3);
  const of = (index: number): number => median(values.slice(index * third, (index + 1) * third));
  return [of(0), of(1), of(2)];
}

/**
 * Variables with which a process writes what is left of its heap after each full collection of its own into `file`:
 * a leak shows there long before it shows in what is resident.
 */
export function reportsLiveHeap(file: string): Record<string, string> {
  const code = `
    import { appendFileSync } from "node:fs";
    import { constants, PerformanceObserver } from "node:perf_hooks";
    new PerformanceObserver((list) => {
      const isFull = ({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
      if (list.getEntries().some(isFull))
        appendFileSync(${JSON.stringify(file)}, process.memoryUsage().heapUsed + "\\n");
    }).observe({ entryTypes: ["gc"] });`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

/** What such a process has written so far, in bytes. */
export function liveHeaps(file: string): number[] {
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").map(Number) : [];
}
