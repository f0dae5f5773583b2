import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { EventLoopWatch } from "../../../src/proxy/metrics/event-loop.js";
import { exposition } from "../../../src/proxy/metrics/exposition.js";
import { metrics } from "../../../src/proxy/metrics/metrics.js";
import { processMetrics } from "../../../src/proxy/metrics/process-metrics.js";
import { Tally } from "../../../src/proxy/metrics/tally.js";
import { NOW_MS, ReportedProxy } from "../view.js";

test("docs/proxy-monitoring.md names every metric, and no other", () => {
  const docs = readFileSync(new URL("../../../../../docs/proxy-monitoring.md", import.meta.url), "utf8");
  const rows = docs.split("\n").filter((line) => line.startsWith("| `") && !line.startsWith("| `/"));
  const named = rows.flatMap((row) =>
    [...row.split("|")[1]!.matchAll(/`([a-z0-9_]+)`/g)].map(([, name]) => name!),
  );
  const ofTheProcess = [...docs.matchAll(/`(process_\w+)`/g)].map(([, name]) => name!);
  const levels = new Set(["error", "warn", "info", "debug"]);

  const proxy = new ReportedProxy();
  using loop = new EventLoopWatch();
  const facts = { version: "1.2.3", loop: loop.figures, nowMs: NOW_MS };
  const families = [...metrics(proxy.status(), new Tally(proxy), facts), ...processMetrics()];
  // With one sample each, so that none is left out.
  const text = exposition(
    families.map((family) => ({ ...family, samples: [{ value: 1 }] })),
    "prometheus",
  );
  const names = [...text.matchAll(/^# TYPE (?:redis_passwordless_)?(\S+)/gm)].map(([, name]) => name!);
  expect(names.length).toBeGreaterThan(30);
  expect([...named.filter((name) => !levels.has(name)), ...ofTheProcess].sort()).toEqual(names.sort());
});
