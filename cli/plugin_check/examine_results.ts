/**
 * Everything that is wrong with what a plugin's `results` and `output` gave, for the plugin's author. A run asks for
 * less: it keeps keys that it does not know, and stops at the first mistake.
 *
 * @module
 */

import * as v from "valibot";
import { messageOf } from "../../base/errors.ts";
import { suggestion } from "../../base/nearest.ts";
import type { PluginMetric } from "../../ffi/mod.ts";
import type { PluginResults, Summary } from "../../results/document/document.ts";
import { fieldsOf } from "../../results/export/csv_row.ts";
import { decodeHistogram } from "../../results/document/histogram_codec.ts";
import { describeMetrics } from "../../results/document/metrics.ts";
import { checkDepth } from "../../results/document/parse.ts";
import {
  confidence,
  counts,
  describeIssue,
  histograms,
  latency,
  metric,
  pluginEntries,
  rates,
  reason,
  summary,
  SUMMARY_KEYS,
  window,
} from "../../results/document/schema.ts";

/** Faults of one kind in a list are reported so many times: a hundred metrics have the same one. */
const MOST_FAULTS = 20;

const schema = v.looseObject(pluginEntries);

/** Keys of the parts that have no keys of a plugin's own; `[]` stands for each entry of a list. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  "": Object.keys(pluginEntries),
  counts: Object.keys(counts.entries),
  rates: Object.keys(rates.entries),
  latency: Object.keys(latency.entries),
  "latency.response": Object.keys(summary.entries),
  "latency.service": Object.keys(summary.entries),
  histograms: Object.keys(histograms.entries),
  confidence: Object.keys(confidence.entries),
  window: Object.keys(window.entries),
  "metrics[]": Object.keys(metric.entries),
  "reasons[]": Object.keys(reason.entries),
  "series[]": ["t_ns", "sent", "ok", "lost", "mean_ns", "p50_ns", "p99_ns", "max_ns"],
};

/**
 * Finds what is wrong with a plugin's results.
 *
 * @param json What `results` gave, parsed.
 * @param described The plugin's table of metrics.
 * @returns One sentence a fault, none when all is well.
 */
export function faultsOfResults(json: object, described: readonly PluginMetric[]): string[] {
  try {
    checkDepth(json);
  } catch (error) {
    return [messageOf(error)];
  }
  const checked = v.safeParse(schema, json);
  const faults = [
    ...checked.issues?.map((issue) => describeIssue([issue])) ?? [],
    ...unknownKeys(json, ""),
  ];
  // Only what has the right types can be checked.
  if (checked.success) faults.push(...contradictions(checked.output as PluginResults, described));
  return faults.length <= MOST_FAULTS
    ? faults
    : [...faults.slice(0, MOST_FAULTS), `… and ${faults.length - MOST_FAULTS} more faults`];
}

function unknownKeys(value: unknown, path: string): string[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) {
    return KNOWN[`${path}[]`] === undefined
      ? []
      : value.flatMap((entry, n) => keysOf(entry, `${path}[]`, `${path}[${n}]`));
  }
  return keysOf(value, path, path);
}

function keysOf(value: unknown, path: string, place: string): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  const known = KNOWN[path];
  if (known === undefined) return [];
  const at = place === "" ? "" : `${place}: `;
  return Object.entries(value).flatMap(([key, inner]) =>
    known.includes(key)
      ? unknownKeys(inner, path === "" ? key : `${path}.${key}`)
      : [`${at}unknown key ${JSON.stringify(key.slice(0, 60))}${suggestion(key, known)}`]
  );
}

function contradictions(results: PluginResults, described: readonly PluginMetric[]): string[] {
  const { counts: c, window: w, latency: l, histograms: h } = results;
  const faults = faultsOfMetrics(results, described);
  if (c !== undefined && c.sent !== c.ok + c.lost + c.late + c.corrupt) {
    faults.push(
      `counts: ${c.sent} sent are not ${c.ok} ok + ${c.lost} lost + ${c.late} late + ${c.corrupt} corrupt`,
    );
  }
  if (w !== undefined && w.end_ns < w.start_ns) faults.push("window: it ends before it starts");
  for (const key of ["response", "service"] as const) {
    const figures = l?.[key];
    if (figures !== null && figures !== undefined) faults.push(...faultsOfSummary(`latency.${key}`, figures));
  }
  for (const [key, text] of Object.entries(h ?? {})) {
    if (typeof text !== "string") continue;
    try {
      decodeHistogram(text);
    } catch (error) {
      faults.push(`histograms.${key}: ${messageOf(error)}`);
    }
  }
  return faults;
}

/** From the smallest to the largest. */
const RISING = SUMMARY_KEYS.filter((key) => /^(min|max|p\d+)_/.test(key));

function faultsOfSummary(place: string, figures: Summary): string[] {
  return RISING.slice(1).flatMap((key, n) => {
    const before = RISING[n]!;
    return figures[key] < figures[before]
      ? [`${place}: ${key} ${figures[key]} is less than ${before} ${figures[before]}`]
      : [];
  });
}

function faultsOfMetrics({ metrics = [] }: PluginResults, described: readonly PluginMetric[]): string[] {
  const seen = new Set<string>();
  return metrics.flatMap(({ name, unit }) => {
    if (seen.has(name)) return [`metrics: there are two of ${JSON.stringify(name)}`];
    seen.add(name);
    if (name === "") return ["metrics: one has an empty name"];
    if (described.length === 0) return [];
    const entry = described.find((known) => fits(name, known.name));
    if (entry === undefined) {
      const names = described.map((known) => known.name);
      return [`metrics: ${JSON.stringify(name)} is not in the table of metrics${suggestion(name, names)}`];
    }
    return entry.unit === unit ? [] : [
      `metrics: ${name} is in ${unit === "" ? "no unit" : unit}, and the table of metrics says ${
        entry.unit === "" ? "no unit" : entry.unit
      }`,
    ];
  });
}

function fits(name: string, pattern: string): boolean {
  const [metric] = describeMetrics([{ name, value: 0, unit: "" }], [{
    name: pattern,
    total: "sum",
    better: "more",
  }]);
  return metric?.total !== undefined;
}

/**
 * Compares what `output` printed with the columns that the plugin names.
 *
 * @param text What it printed.
 * @param header The plugin's `csv_header`.
 * @returns What is wrong, a sentence; `null` when nothing is.
 */
export function faultOfRow(text: string, header: string): string | null {
  const fields = fieldsOf(text);
  if (fields.length === 0) return null;
  const names = header.replace(/[\r\n]+/g, "").split(",");
  // What names itself, "CPU0: 10.1", needs no name.
  const printed = fields.filter((field, n) => n < names.length || !/^\s*[A-Za-z]\w*: /.test(field)).length;
  return printed === names.length
    ? null
    : `output prints ${printed} columns, and csv_header names ${names.length}: ${header.slice(0, 200)}`;
}
