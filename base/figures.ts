/**
 * Numbers as people read them: times, rates, counts and shares.
 *
 * @module
 */

/** Three significant digits without an exponent, trailing zeros left out: 12.3, 0.00457, 1230. */
export function digits(value: number, significant = 3): string {
  if (value === 0 || !Number.isFinite(value)) return Number.isFinite(value) ? "0" : "–";
  const places = Math.max(0, significant - 1 - Math.floor(Math.log10(Math.abs(value))));
  const text = value.toFixed(Math.min(places, 12));
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

const TIMES: [number, string][] = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];

/** A time in the unit that suits it: "12.3 µs". */
export function formatTime(ns: number | null | undefined, significant = 3): string {
  if (ns === null || ns === undefined) return "–";
  const [scale, unit] = TIMES.find(([limit]) => Math.abs(ns) >= limit * 0.9995) ?? [1, "ns"];
  return `${digits(ns / scale, significant)} ${unit}`;
}

/** The unit that suits a time. */
export function timeUnit(ns: number): { scale: number; unit: string } {
  const [scale, unit] = TIMES.find(([limit]) => Math.abs(ns) >= limit) ?? [1, "ns"];
  return { scale, unit };
}

const RATES: [number, string][] = [[1e12, "Tbit/s"], [1e9, "Gbit/s"], [1e6, "Mbit/s"], [1e3, "kbit/s"], [
  1,
  "bit/s",
]];

/** The unit that suits a rate, and its size. */
export function rateUnit(bps: number): { scale: number; unit: string } {
  const [scale, unit] = RATES.find(([limit]) => Math.abs(bps) >= limit) ?? [1, "bit/s"];
  return { scale, unit };
}

/** A rate in bits per second in the unit that suits it: "1.25 Gbit/s". */
export function formatRate(bps: number | null | undefined, significant = 4): string {
  if (bps === null || bps === undefined) return "–";
  const { scale, unit } = rateUnit(bps * 1.0005);
  return `${digits(bps / scale, significant)} ${unit}`;
}

/** A count with thin spaces between groups of three: "1 234 567". */
export function formatCount(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** A share as a percentage: "0 %", "0.012 %", "12.3 %". */
export function formatShare(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return "–";
  return `${digits(share * 100, 3)} %`;
}

/** A relative change with its sign: "+5.1 %", "−0.3 %", "±0 %". */
export function formatChange(change: number | null | undefined): string {
  if (change === null || change === undefined || !Number.isFinite(change)) return "–";
  const percent = change * 100;
  const text = Math.abs(percent) < 0.05 ? "0" : digits(Math.abs(percent), Math.abs(percent) < 1 ? 1 : 3);
  return `${text === "0" ? "±" : percent < 0 ? "−" : "+"}${text} %`;
}

/** Date and time to the second, UTC: "2026-11-22 22:00:05 UTC". What is no date is given back, shortened. */
export function formatDate(iso: string): string {
  const time = Date.parse(iso);
  if (!Number.isFinite(time)) return iso.slice(0, 40);
  return `${new Date(time).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Middle of a list of figures of which some may be missing; `null` when all are. */
export function middle(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => value !== null && value !== undefined).sort((a, b) => a - b);
  if (known.length === 0) return null;
  const half = known.length >> 1;
  return known.length % 2 === 1 ? known[half]! : (known[half - 1]! + known[half]!) / 2;
}

/** A figure of a test's own in the unit that suits it: "12.3 ms", "1 234", "4.5 1/s". */
export function formatMetric(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined) return "–";
  if (unit === "bit/s") return formatRate(value);
  if (unit === "s") return formatTime(value * 1e9);
  if (unit === "%") return `${digits(value, 3)} %`;
  if (Number.isInteger(value)) return `${formatCount(value)} ${unit}`.trim();
  return `${digits(value, 6)} ${unit}`.trim();
}
