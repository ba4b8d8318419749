/**
 * HdrHistogram's log format 1.3: what HistogramLogAnalyzer, hdr-plot and the like read.
 *
 * @module
 */
import { viewsOf } from "../document/class_view.ts";
import type { ResultDocument } from "../document/document.ts";
import { hostNames } from "../document/host_names.ts";
import { decodeHistogram, encodeHistogram, HistogramError } from "../document/histogram_codec.ts";

/** Values are nanoseconds; the log's maxima are milliseconds, as its readers expect. */
const MAX_VALUE_RATIO = 1e6;

/**
 * A log of documents: for each run the merged histograms, tagged `response` and `service` (and
 * with the class, where there are several), then each tester's, tagged
 * with its host (and port, where the host has several testers), too. A damaged histogram is left out.
 *
 * @param documents In the order of their start.
 */
export function histogramLog(documents: readonly ResultDocument[]): string {
  const starts = documents.map((document) => Date.parse(document.run.started) / 1000);
  const base = Math.min(...starts.filter((start) => Number.isFinite(start)), Infinity);
  const from = Number.isFinite(base) ? base : 0;
  const lines = [
    "#[Logged with ipbench]",
    "#[Histogram log format version 1.3]",
    `#[StartTime: ${from.toFixed(3)} (seconds since epoch), ${new Date(from * 1000).toISOString()}]`,
    '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
  ];
  for (const [i, document] of documents.entries()) {
    const start = Number.isFinite(starts[i]) ? starts[i]! - from : 0;
    const length = lengthOf(document);
    const add = (tag: string, text: string | null | undefined) => {
      const line = text === null || text === undefined ? null : entry(tag, start, length, text);
      if (line !== null) lines.push(line);
    };
    const nameOf = hostNames(document);
    for (const view of viewsOf(document)) {
      const merged = view.document.total.histograms;
      const of = view.class === null ? "" : `:${view.class}`;
      add(`response${of}`, merged?.response);
      add(`service${of}`, merged?.service);
    }
    for (const client of document.clients) {
      add(`response:${nameOf(client)}`, client.histograms?.response);
      add(`service:${nameOf(client)}`, client.histograms?.service);
    }
  }
  return `${lines.join("\n")}\n`;
}

function entry(tag: string, start: number, length: number, text: string): string | null {
  try {
    const histogram = decodeHistogram(text);
    const max = (histogram.max / MAX_VALUE_RATIO).toFixed(3);
    // A tag may not hold what separates the fields.
    const safe = tag.replace(/[^\w.:@-]/g, "_").slice(0, 100);
    return `Tag=${safe},${start.toFixed(3)},${length.toFixed(3)},${max},${encodeHistogram(histogram)}`;
  } catch (error) {
    if (error instanceof HistogramError) return null;
    throw error;
  }
}

/** Seconds measured: the common window, else the whole run. */
function lengthOf(document: ResultDocument): number {
  const window = document.total.window;
  if (window !== null && window !== undefined) return Math.max(0, (window.end_ns - window.start_ns) / 1e9);
  const length = (Date.parse(document.run.ended) - Date.parse(document.run.started)) / 1000;
  return Number.isFinite(length) ? Math.max(0, length) : 0;
}
