/**
 * A comparison in words: values, changes, findings, assumptions.
 *
 * @module
 */
import { digits, formatChange, formatMetric, formatRate, formatTime } from "../../base/figures.ts";
import { type Comparison, DEFAULT_REPETITIONS, POWER, type Row } from "./compare.ts";
import type { RowMetric } from "./metrics.ts";

/** A value of a metric. */
export function valueText(metric: RowMetric, value: number): string {
  if (value === 0 && metric.none !== undefined) return metric.none;
  if (metric.kind === "time") return formatTime(value);
  if (metric.kind === "rate") return formatRate(value);
  if (metric.kind === "own") return formatMetric(value, metric.unit ?? "");
  return `${digits(value, 3)} %`;
}

/** A change of a metric, with its sign. */
export function changeText(metric: RowMetric, change: number): string {
  if (metric.scale === "relative") return formatChange(change);
  if (metric.scale === "absolute") {
    return `${change === 0 ? "±" : change < 0 ? "−" : "+"}${
      valueText({ ...metric, none: undefined }, Math.abs(change))
    }`;
  }
  return change === 0 ? "±0 pp" : `${change < 0 ? "−" : "+"}${digits(Math.abs(change), 3)} pp`;
}

/** The interval of a row. */
export function intervalText(row: Row): string {
  if (row.interval === null) return "–";
  return `${changeText(row.metric, row.interval.low)} … ${changeText(row.metric, row.interval.high)}`;
}

/** A probability. */
export function probabilityText(p: number | null): string {
  if (p === null) return "–";
  return p < 0.0001 ? "< 0.0001" : digits(p, 2);
}

/** What a row comes to. */
export function findingText(row: Row): string {
  if (row.finding !== "none" && row.finding !== "untested") return row.finding;
  if (row.finding === "untested") {
    return `cannot tell: too few repetitions to ${row.p === null ? "say" : "test so many figures"}`;
  }
  if (isBlind(row)) return `cannot tell: only ${detectableText(row)} or more would have been seen`;
  if (row.detectable === null) return "no difference seen";
  if (row.detectable === 0) return "no difference seen (runs do not scatter)";
  return `no difference seen; ${detectableText(row)} would have been`;
}

/**
 * Whether nothing was seen where hardly anything could have been: the estimate is a change that could still be chance, or
 * only a change as large as {@linkcode BLIND_CHANGE} would have shown. Without repetitions nothing can be seen at all.
 */
export function isBlind(row: Row): boolean {
  if (row.finding === "untested") return true;
  if (row.finding !== "none" || row.detectable === null) return false;
  const { scale } = row.metric;
  const size = Math.abs(row.change);
  return (size >= VISIBLE_CHANGE[scale] && row.detectable > size) || row.detectable >= BLIND_CHANGE[scale];
}

/** An estimate of such a change that could still be chance is no "no difference": a share, percentage points, or any. */
const VISIBLE_CHANGE = { relative: 0.05, points: 1, absolute: 0 } as const;
/** Who would have missed less than this has seen nothing of "no difference". */
const BLIND_CHANGE = { relative: 0.5, points: 10, absolute: Infinity } as const;

/** Beyond this a share in percent has no meaning for a reader. */
const TENFOLD = 9;

/** The smallest change that would have been seen, without a sign; "" where it is not known. */
export function detectableText(row: Row): string {
  if (row.detectable === null) return "";
  if (row.metric.scale === "absolute") return valueText({ ...row.metric, none: undefined }, row.detectable);
  if (row.metric.scale === "relative" && row.detectable >= TENFOLD) return "tenfold";
  return row.metric.scale === "relative"
    ? `${digits(row.detectable * 100, 2)} %`
    : `${digits(row.detectable, 2)} pp`;
}

/** One sentence on the whole. */
export function summaryText(comparison: Comparison): string {
  const { rows } = comparison;
  if (rows.length === 0) return "Nothing was compared.";
  const worse = rows.filter((row) => row.finding === "worse").length;
  const better = rows.filter((row) => row.finding === "better").length;
  const untested = rows.filter((row) => row.finding === "untested").length;
  if (untested === rows.length) {
    return "Too few repetitions to tell a difference from chance; only the changes are shown.";
  }
  const changed = rows.filter((row) => row.finding === "changed").length;
  const tested = rows.length - untested;
  const blind = rows.filter(isBlind).length;
  if (worse + better + changed === 0) {
    const first = blind === rows.length
      ? "Cannot tell: no figure would have shown less than a large change"
      : `No difference seen${blind === 0 ? "" : `, but ${blind} of ${rows.length} figures cannot tell`}`;
    return `${first}${blindSpot(rows)}.`;
  }
  const parts = [[worse, "worse"], [better, "better"], [changed, "changed"]].filter(([count]) => count !== 0)
    .map(([count, word]) => `${count} ${word}`);
  const rest = blind === 0 ? "" : `; ${blind} cannot tell`;
  return `B against A: ${parts.join(", ")}, of ${tested} figures tested${rest}.`;
}

/** What could not have been seen, of the figures that were tested. */
function blindSpot(rows: readonly Row[]): string {
  const least =
    rows.filter((row) =>
      row.metric.scale !== "absolute" && row.finding !== "untested" && row.detectable !== null &&
      row.detectable > 0
    )
      .toSorted((x, y) =>
        y.detectable! / VISIBLE_CHANGE[y.metric.scale] - x.detectable! / VISIBLE_CHANGE[x.metric.scale]
      )[0];
  if (least === undefined) return "";
  return `; the least sensitive figure, ${least.metric.label} at ${least.pair.label}, ` +
    `would have shown ${detectableText(least)} or more`;
}

/** How the figures were made and what they take for granted. */
export function assumptions(comparison: Comparison): string[] {
  const methods = [...new Set(comparison.rows.filter((row) => row.p !== null).map((row) => row.method))];
  const share = Math.round(100 * comparison.alpha);
  const fewest = Math.min(...comparison.rows.flatMap((row) => row.repetitions), Infinity);
  return [
    "Changes are from A to B: Hodges–Lehmann estimates over the repetitions, with " +
    `${100 - share} % intervals that belong to the rank test.`,
    ...(methods.length > 0
      ? [
        `Test: ${
          methods.join("; ")
        }; two-sided. Probabilities are corrected for asking ${comparison.tested} question${
          comparison.tested === 1 ? "" : "s"
        } ` +
        `(Holm): the chance of even one false alarm is at most ${share} %.`,
        "It assumes that repetitions are independent of each other and were taken in mixed order (--shuffle), not all of " +
        "A on one day and all of B on the next. It does not assume normal noise.",
      ]
      : []),
    `"Would have been" is the change that these repetitions show in ${
      100 * POWER
    } of 100 cases (one figure, uncorrected).`,
    ...(fewest < DEFAULT_REPETITIONS
      ? [`Some points have ${fewest} repetition(s) a side; ${DEFAULT_REPETITIONS} are recommended.`]
      : []),
  ];
}

/** The figures of a row: A, B, the change, its interval, its probability. */
export function figureTexts(row: Row): string[] {
  return [
    valueText(row.metric, row.a),
    valueText(row.metric, row.b),
    changeText(row.metric, row.change),
    intervalText(row),
    probabilityText(row.adjusted),
  ];
}
