/**
 * What a search found, each answer in one plain line.
 *
 * @module
 */
import { digits, formatCount, formatRate, formatShare, formatTime } from "../../base/figures.ts";
import { formatQuantity } from "../../base/values.ts";
import type { Verdict } from "../document/document.ts";
import type { ShownFrame, ShownGoal, ShownRfc2544, ShownSearch, ShownTrial } from "./shown.ts";

/** What stands above everything else. */
export interface Answer {
  /** How much it is worth, as the verdict of a run. */
  verdict: Verdict;
  word: string;
  lines: string[];
}

/** A load in the unit of its search. */
export function loadText(load: number | null, unit: string): string {
  if (load === null) return "–";
  return unit === "bit/s" ? formatRate(load, 5) : `${formatQuantity(load, 5)} ${unit}`;
}

/** The answers of a search: one line a goal. */
export function searchAnswer(document: ShownSearch): Answer {
  const { search, goals } = document;
  return { ...worth(search, search.regular), lines: goals.map((goal) => goalLine(document, goal)) };
}

/** The answers of RFC 2544's benchmarks: one line a frame size. */
export function rfc2544Answer({ run, frames }: ShownRfc2544): Answer {
  const regular = frames.every(({ throughput, notes }) =>
    throughput?.regular !== false && notes.length === 0
  );
  return { ...worth(run, regular), lines: frames.map(frameLine) };
}

function worth(
  { interrupted, failed }: { interrupted?: boolean; failed?: boolean },
  regular: boolean,
): { verdict: Verdict; word: string } {
  if (failed === true) return { verdict: "INVALID", word: "FAILED" };
  if (interrupted === true) return { verdict: "INVALID", word: "CUT SHORT" };
  return regular ? { verdict: "VALID", word: "FOUND" } : { verdict: "SUSPECT", word: "IRREGULAR" };
}

/** What a goal asks for: "no loss", "at most 0.5 % loss, p99<200us". */
export function goalText({ goal }: ShownGoal): string {
  const loss = goal.loss_ratio === 0 ? "no loss" : `at most ${formatShare(goal.loss_ratio)} loss`;
  return [loss, ...goal.latency].join(", ");
}

function goalLine(document: ShownSearch, goal: ShownGoal): string {
  const { unit, bits_per_packet: bits } = document.load;
  const { name, lower_bound: load, upper_bound: upper, conditional_throughput: typical } = goal;
  if (load === null) return `${name} (${goalText(goal)}): no load was found that keeps it; ${goal.stop.text}`;
  const rate = bits === null ? "" : ` (${formatCount(load / bits)} packets/s)`;
  const loss = lossAt(document.trials, load, goal.goal.final_trial_seconds);
  const least = goal.stop.code === "max-load" || goal.stop.code === "tester-limited" ? "at least " : "";
  return [
    `${name} (${goalText(goal)}): ${least}${loadText(load, unit)}${rate}`,
    upper === null ? "" : `, no longer at ${loadText(upper, unit)}`,
    loss === null ? "" : `; loss there ${formatShare(loss)}`,
    typical === null || typical === load ? "" : `, conditional throughput ${loadText(typical, unit)}`,
    timesText(goal.latency_at_lower_bound?.response ?? null, document.test.one_way === true),
    goal.regular ? "; regular" : `; irregular: ${goal.stop.text}`,
  ].join("");
}

function frameLine(
  { frame, throughput, latency, back_to_back: burst, recovery, reset, notes }: ShownFrame,
): string {
  const rate = throughput?.frames_per_second ?? null;
  const share = throughput?.percent_of_line ?? null;
  const found = throughput === null
    ? "throughput not measured"
    : rate === null || share === null
    ? `no throughput; ${throughput.stop.text}`
    : `${formatCount(rate)} frames/s (${digits(share, 4)} % of the line)`;
  return [
    `${frame} bytes: ${found}`,
    latency?.response == null
      ? ""
      : `, mean ${formatTime(latency.response.mean_ns)}, p99 ${formatTime(latency.response.p99_ns)}`,
    burst === null
      ? ""
      : `, bursts of ${burst.limited ? "at least " : ""}${formatCount(burst.average)} frames`,
    recovery == null
      ? ""
      : `, recovery ${recovery.mean_ns === null ? "not seen" : formatTime(recovery.mean_ns)}`,
    reset == null
      ? ""
      : `, dark for ${
        reset.mean_ns === null ? "longer than the trial" : formatTime(reset.mean_ns, 4)
      } when reset`,
    throughput === null || throughput.regular ? "" : `; irregular: ${throughput.stop.text}`,
    notes.length === 0 ? "" : `; ${notes.length === 1 ? "a note is" : `${notes.length} notes are`} below`,
  ].join("");
}

function timesText(times: { p50_ns: number; p99_ns: number } | null, oneWay: boolean): string {
  if (times === null) return "";
  return `, ${oneWay ? "one way" : "round trip"} p50 ${formatTime(times.p50_ns)}, p99 ${
    formatTime(times.p99_ns)
  }`;
}

/** Share of the packets of all valid full-length trials at a load that did not come back well; `null` without any. */
function lossAt(trials: readonly ShownTrial[], load: number, seconds: number): number | null {
  return pooledLoss(trials.filter((trial) => trial.load === load && trial.seconds >= seconds));
}

/** The loss of trials together, weighted by what they sent; `null` where nothing valid was sent. */
export function pooledLoss(trials: readonly ShownTrial[]): number | null {
  let lost = 0, sent = 0;
  for (const { outcome, loss_ratio: ratio, counts } of trials) {
    if (outcome !== "valid" || ratio === null || counts === null) continue;
    lost += ratio * counts.sent;
    sent += counts.sent;
  }
  return sent === 0 ? null : lost / sent;
}
