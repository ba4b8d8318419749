/**
 * A quick look on one screen: at most 80 columns and 23 lines, so that a prompt fits below.
 *
 * @module
 */
import { digits, formatRate, formatTime } from "../../base/figures.ts";
import { formatTrips } from "../../controller/quick/findings.ts";
import { PHASE_WORDS } from "../../controller/quick/missing.ts";
import type { PhaseFigures, QuickDocument } from "../../controller/quick/quick_document.ts";
import { groupReasons } from "../../results/document/reason_groups.ts";
import { fit, plainText, wrapWords } from "./text.ts";

/** Size of the screen. */
export const SCREEN_COLUMNS = 80;
export const SCREEN_LINES = 23;
/** Most lines for why the verdict is what it is. */
const REASON_LINES = 4;
const NONE = "–";

const HEAD = [
  ["", "up", "down", "round", "trip", "adds", "round", "", "CPU"],
  ["", "", "", "median", "95 %", "if full", "trips/min", "lost", "there"],
];
const WIDTHS = [8, 12, 12, 8, 8, 9, 10, 7, 6] as const;

/**
 * Sets the screen.
 *
 * @param document What was found.
 * @returns Lines without colours.
 */
export function quickScreen(document: QuickDocument): string[] {
  const lines = [...wrap(heading(document)), ""];
  const { phases } = document;
  if (phases.length > 0) lines.push(...HEAD.map(row), ...phases.map((each) => row(cells(each))), "");
  lines.push(...verdictLines(document));
  const rest = [...document.findings.map(({ text }) => text), ...document.missing];
  const shown: string[] = [];
  for (const [index, text] of rest.entries()) {
    const more = wrap(`- ${text}`);
    const room = SCREEN_LINES - lines.length - shown.length - (index < rest.length - 1 ? 1 : 0);
    if (more.length > room) {
      shown.push(`- … and ${rest.length - index} more: --json has all`);
      break;
    }
    shown.push(...more);
  }
  return [...lines, ...shown];
}

function wrap(text: string): string[] {
  return wrapWords(plainText(text), SCREEN_COLUMNS).split("\n").map((line) => fit(line, SCREEN_COLUMNS));
}

function heading({ host, from, offer, seconds }: QuickDocument): string {
  const took = `${seconds.toFixed(0)} s`;
  if (host === null) return `ipbench quick: this machine to itself, over loopback (${took})`;
  const target = offer?.daemons.find(({ role }) => role === "target");
  const what = target !== undefined ? `${target.peer}, port ${target.port}` : [
    ...offer?.iperf3 ? ["iperf3, port 5201"] : [],
    ...offer?.udp_echo || offer?.tcp_echo ? ["echo, port 7"] : [],
  ].join("; ");
  return `ipbench quick: ${
    from.length === 0 ? "this machine" : from.join(", ")
  } to ${host} (${what}; ${took})`;
}

function cells(each: PhaseFigures): string[] {
  const { rtt, full_ns: full, rpm, loss, cpu } = each;
  return [
    PHASE_WORDS[each.phase],
    formatRate(each.up_bps, 3),
    formatRate(each.down_bps, 3),
    formatTime(rtt?.median_ns),
    formatTime(rtt?.p95_ns),
    full === null ? NONE : full < 0 ? `−${formatTime(-full)}` : formatTime(full),
    rpm === null ? NONE : formatTrips(rpm),
    loss === null ? NONE : share(loss),
    cpu === null ? NONE : `${(100 * cpu).toFixed(0)} %`,
  ];
}

/** At most six characters. */
function share(value: number): string {
  if (value > 0 && value < 1e-4) return "<.01 %";
  return `${digits(100 * value, 2)} %`;
}

function row(texts: readonly string[]): string {
  return texts.map((text, i) => i === 0 ? text.padEnd(WIDTHS[0]) : text.padStart(WIDTHS[i]!)).join("")
    .trimEnd();
}

/** Short words for common reasons, for people who see this screen only; other reasons are printed as they are. */
const SHORT: Readonly<Record<string, (text: string) => string>> = {
  "tester-processor": () => "the tester's processors were at their limit: the network may carry more",
  "target-processor": () => "the target's processors were at their limit: the network may carry more",
  "send-lateness": () => LATE,
  "scheduling-gaps": () => LATE,
  "longest-gap": () => LATE,
  "send-drops": () => "the full queue was that of the tester's own interface",
  "target-window": () => "the meter of the target's processors began or ended at another time",
  steal: () => "the hypervisor took processor time from the tester",
  "rate-not-reached": () => "less was sent than asked for",
};
const LATE = "something else ran on the tester's processor, and packets left late";

/** The verdict, and why it is no better: the same of several phases is told once. */
function verdictLines({ verdict, interrupted, reasons, phases }: QuickDocument): string[] {
  const how = interrupted ? " (interrupted)" : "";
  if (verdict === "VALID") return [`VALID${how}: nothing disturbed the measurement.`];
  if (reasons.length === 0) {
    return [`${verdict}${how}: ${phases.length === 0 ? "nothing was measured." : "not all was measured."}`];
  }
  const gravest = reasons.toSorted((a, b) => Number(b.level === "INVALID") - Number(a.level === "INVALID"));
  const told = Map.groupBy(gravest, ({ code, text }) => SHORT[code]?.(text) ?? code);
  const sentences = Array.from(told, ([words, group]) => {
    const names = [...new Set(group.map(({ phase }) => PHASE_WORDS[phase]))].join(", ");
    const text = group.some(({ code }) => code in SHORT)
      ? words
      : groupReasons(group.map(({ text }) => ({ text })))[0]!;
    return `${text} (${names})`;
  });
  const lines: string[] = [];
  for (const [index, sentence] of sentences.entries()) {
    const more = wrap(`${index === 0 ? `${verdict}${how}:` : " "} ${sentence}`);
    if (lines.length + more.length > REASON_LINES && index > 0) {
      lines.push(`  … and ${sentences.length - index} more: --json has all`);
      break;
    }
    lines.push(...more.slice(0, REASON_LINES));
  }
  return lines;
}
