/**
 * The document that a search leaves behind, "ipbench-search/1". Loads are in `load.unit` and of all testers together.
 *
 * @module
 */

import type { Counts, Summary, Verdict } from "../document/document.ts";
import type { GroupedReason } from "../document/reason_groups.ts";

/** The value of {@linkcode SearchDocument.format}. */
export const SEARCH_FORMAT = "ipbench-search/1";

/** Why the search for a goal ended. */
export type StopCode =
  | "width"
  | "max-load"
  | "min-load"
  | "tester-limited"
  | "resolution"
  | "time"
  | "trials"
  | "interrupted"
  | "failed";

/** The figures of one distribution that latency limits apply to. */
export type TrialLatency = Readonly<
  Pick<Summary, "mean_ns" | "p50_ns" | "p90_ns" | "p99_ns" | "p999_ns" | "p9999_ns" | "p99999_ns" | "max_ns">
>;

/** One trial of a search. */
export interface TrialRecord {
  /** From 1, in the order in which they ran. */
  n: number;
  load: number;
  seconds: number;
  /** The goal in focus; each trial counts for all goals. */
  goal: string;
  /** Step towards it, from 1. */
  step: number;
  outcome: "valid" | "invalid" | "failed" | "interrupted";
  verdict: Verdict;
  reasons: string[];
  /** What the reasons of its run are cases of, each apart; absent where the search itself has another reason. */
  details?: GroupedReason[];
  loss_ratio: number | null;
  /** Of a valid trial: the goals for which it is a high-loss trial, by loss or by a latency limit. */
  high_loss?: string[];
  counts: Counts | null;
  latency: { response: TrialLatency | null; service: TrialLatency | null } | null;
  /** ISO 8601, UTC. */
  started: string;
  run: string;
  /** Name of the file with its result document, when trials are kept. */
  file?: string;
}

/** What came out for one goal. */
export interface GoalRecord {
  name: string;
  goal: {
    loss_ratio: number;
    exceed_ratio: number;
    initial_trial_seconds: number;
    final_trial_seconds: number;
    duration_sum_seconds: number;
    /** Relative distance of the bounds, (upper - lower) / upper. */
    width: number;
    latency: string[];
  };
  /** True when both bounds exist and are within the width; otherwise the result is irregular. */
  regular: boolean;
  /** Largest load, below the upper bound, that meets the goal. */
  lower_bound: number | null;
  /** Smallest load that misses it. */
  upper_bound: number | null;
  conditional_throughput: number | null;
  /** From this load on the tester itself could not measure. */
  tester_limit: number | null;
  stop: { code: StopCode; text: string };
  /** From the merged histograms of the full-length trials at the lower bound. */
  latency_at_lower_bound: { response: Summary | null; service: Summary | null } | null;
}

/** The whole document. */
export interface SearchDocument {
  format: typeof SEARCH_FORMAT;
  ipbench: { version: string; build: string };
  search: {
    id: string;
    /** ISO 8601, UTC. */
    started: string;
    ended: string;
    /** True when each goal has a regular result. */
    regular: boolean;
    interrupted?: boolean;
    failed?: boolean;
    /** What went wrong, when it failed. */
    reasons: string[];
  };
  /** The run description whose load and length were varied. */
  config: unknown;
  /** one_way: all times are of packets on their way to another tester, from hand-over to arrival. */
  test: { name: string; one_way?: boolean };
  load: {
    arg: string;
    unit: string;
    min: number;
    max: number;
    testers: number;
    bits_per_packet: number | null;
  };
  goals: GoalRecord[];
  trials: TrialRecord[];
  totals: { trials: number; invalid_trials: number; trial_seconds: number; elapsed_seconds: number };
}
