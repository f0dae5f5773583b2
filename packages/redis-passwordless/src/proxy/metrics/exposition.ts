/** Metrics of ours begin with this; those of the process have the names that every dashboard knows. */
export const PREFIX = "redis_passwordless_";

/** The text formats of metrics that Prometheus reads. */
export type ExpositionFormat = "prometheus" | "openmetrics";

/** What a metric is; it decides how its samples are named. */
export type MetricType = "counter" | "gauge" | "histogram" | "info";

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  /** What is put behind the family's name: `_bucket`, `_sum` and `_count` of a histogram. @default none */
  readonly suffix?: string;
  readonly labels?: Labels;
  readonly value: number;
}

/** One metric with all of its samples. */
export interface MetricFamily {
  /** Without the `_total` of a counter and the `_info` of an info. */
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/**
 * Writes metrics as text.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/ for 0.0.4
 * @see https://prometheus.io/docs/specs/om/open_metrics_spec/ for OpenMetrics 1.0
 */
export function exposition(families: readonly MetricFamily[], format: ExpositionFormat): string {
  const lines = families.filter(({ samples }) => samples.length > 0).flatMap((one) => written(one, format));
  if (format === "openmetrics") lines.push("# EOF");
  return `${lines.join("\n")}\n`;
}

const SUFFIXES: Readonly<Partial<Record<MetricType, string>>> = { counter: "_total", info: "_info" };

function written({ name, type, help, samples }: MetricFamily, format: ExpositionFormat): string[] {
  const sampleName = `${name}${SUFFIXES[type] ?? ""}`;
  // OpenMetrics names the family without what the type adds, and Prometheus's own format knows no info.
  const [family, typeName] =
    format === "openmetrics" ? [name, type] : [sampleName, type === "info" ? "gauge" : type];
  return [
    `# HELP ${family} ${escaped(help, format === "openmetrics")}`,
    `# TYPE ${family} ${typeName}`,
    ...samples.map(
      ({ suffix = "", labels = {}, value }) =>
        `${sampleName}${suffix}${labelText(labels)} ${numberText(value)}`,
    ),
  ];
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value, true)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** Help texts of 0.0.4 keep their quotation marks as they are; all other texts escape them. */
function escaped(text: string, withQuotes: boolean): string {
  const oneLine = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return withQuotes ? oneLine.replaceAll('"', '\\"') : oneLine;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

/** The format that a scraper prefers, by its `Accept` header; Prometheus's own where it does not say. */
export function acceptedFormat(accept: string | undefined): ExpositionFormat {
  const quality = (type: string): number => {
    for (const range of (accept ?? "").split(",")) {
      const [name = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
      if (name !== type) continue;
      // A version that is not ours must not be answered with ours.
      const version = parameters.find((one) => one.startsWith("version="))?.slice("version=".length);
      if (type === "application/openmetrics-text" && version !== undefined && !/^"?[01]\./.test(version)) {
        continue;
      }
      const q = Number(parameters.find((one) => one.startsWith("q="))?.slice(2) ?? 1);
      return Number.isNaN(q) ? 0 : q;
    }
    return 0;
  };
  const open = quality("application/openmetrics-text");
  return open > 0 && open >= quality("text/plain") ? "openmetrics" : "prometheus";
}
