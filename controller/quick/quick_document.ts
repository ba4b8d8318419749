/**
 * What a quick look leaves behind, "ipbench-quick/1": its figures and sentences, and the result document of each phase.
 * Times are nanoseconds, rates bit/s; `null`: not measured.
 *
 * @module
 */
import type { Reason, ResultDocument, Verdict } from "../../results/document/document.ts";
import type { Offer } from "./discover.ts";

/** The value of {@linkcode QuickDocument.format}. */
export const QUICK_FORMAT = "ipbench-quick/1";

/** The phases, in their order. */
export const PHASES = ["idle", "up", "down", "both", "udp"] as const;
/** One of them. */
export type PhaseName = typeof PHASES[number];

/** Round trips of one phase. */
export interface RoundTrips {
  count: number;
  min_ns: number;
  median_ns: number;
  p95_ns: number;
  max_ns: number;
  /** Mean of the shortest 95 %. */
  trimmed_ns: number;
}

/** What one phase found. */
export interface PhaseFigures {
  phase: PhaseName;
  /** Goodput to the host and from it. */
  up_bps: number | null;
  down_bps: number | null;
  /** Of the probes beside the load; of the load's own connections (TCP_INFO) where there were no probes. */
  rtt: RoundTrips | null;
  rtt_source: "probes" | "tcp" | null;
  /** Median of this phase less that of the idle one (its shortest round trip, where that phase is not VALID). */
  added_ns: number | null;
  /** What a full queue adds: the 95th percentile of this phase, at most the 97.5th of TCP's own, less the same. */
  full_ns: number | null;
  /** Round trips a minute. */
  rpm: number | null;
  /** Share of the datagrams that did not arrive, 0..1: of the probes, and of the load over UDP. */
  loss: number | null;
  /** What was sent over UDP, bit/s. */
  offered_bps: number | null;
  retransmits: number | null;
  /** Share of all processors of the host, 0..1. */
  cpu: number | null;
  /** The busiest processor of the host, 0..1. */
  busiest_cpu: number | null;
  /** Whether processors of one end were at their limit, so that rate and delay are theirs. */
  processor_bound: boolean;
  verdict: Verdict;
}

/** Why the verdict is no better. */
export interface QuickReason extends Reason {
  phase: PhaseName;
}

/** One sentence about what was found. */
export interface Finding {
  code: string;
  text: string;
}

/** The whole. */
export interface QuickDocument {
  format: typeof QUICK_FORMAT;
  ipbench: { version: string };
  /** As typed; `null`: this machine's loopback. */
  host: string | null;
  /** Where the traffic came from; empty: this machine. */
  from: string[];
  started: string;
  seconds: number;
  offer: Offer | null;
  verdict: Verdict;
  reasons: QuickReason[];
  interrupted: boolean;
  phases: PhaseFigures[];
  findings: Finding[];
  /** What was not measured, and why; a sentence each. */
  missing: string[];
  /** Result document of each phase that came to one. */
  documents: Partial<Record<PhaseName, ResultDocument>>;
}
