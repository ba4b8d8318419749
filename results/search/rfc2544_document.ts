/**
 * The document that `ipbench rfc2544` leaves behind, "ipbench-rfc2544/1".
 *
 * @module
 */

import type { Summary } from "../document/document.ts";
import type { StopCode, TrialRecord } from "./document.ts";

/** The value of {@linkcode Rfc2544Document.format}. */
export const RFC2544_FORMAT = "ipbench-rfc2544/1";

/** Throughput at one frame size. */
export interface ThroughputRecord {
  /** Load and rate of the largest load without loss; `null` when there is none. */
  load: number | null;
  frames_per_second: number | null;
  percent_of_line: number | null;
  regular: boolean;
  stop: { code: StopCode; text: string };
  trials: number;
  trial_list: TrialRecord[];
}

/** What came out for one frame size. Lengths are frames. */
export interface BackToBack {
  /** Longest burst without loss in each repetition. */
  bursts: number[];
  average: number;
  min: number;
  max: number;
  stddev: number;
  /** True when a burst of the largest length allowed lost nothing: then the figures are only a lower limit. */
  limited: boolean;
  /** Seconds of traffic at the full rate that the target's buffer seems to hold. */
  implied_buffer_seconds: number;
  /**
   * The same, without the frames that were forwarded while the burst came in (RFC 9004, section 6.4). `null` where the throughput is
   * not known, and where it is the full rate: then nothing is kept in a buffer, and its size does not show.
   */
  corrected_buffer_seconds: number | null;
}

/** One point of the curve. */
export interface LossPoint {
  /** Per cent of the full rate. */
  percent: number;
  load: number;
  /** `null` when the tester itself could not measure there. */
  loss_ratio: number | null;
  reason?: string;
}

/** How fast a device recovers from an overload (RFC 2544, 26.5). Loads are bit/s. */
export interface RecoveryRecord {
  /** Offered for `overload_seconds`: 110 % of the throughput, or what the line carries. */
  overload: number;
  /** Offered from then on: half of it. */
  load: number;
  trials: {
    /** From the reduction of the load to the last packet that was lost; 0: none was lost after it. */
    recovery_ns: number;
    /** Packets lost after the reduction. */
    lost: number;
    /** False: it still lost packets in the last tenth of the trial. */
    recovered: boolean;
  }[];
  /** Of the trials in which it recovered. */
  mean_ns: number | null;
}

/** How long a device is dark when it is reset (RFC 2544, 26.6, and RFC 6201). */
export interface ResetRecord {
  /** What reset it. */
  command: string;
  /** Offered meanwhile: the throughput, bit/s. */
  load: number;
  trials: {
    /** The longest run of lost packets that ended after the command began: packets × interval; 0: there was none. */
    outage_ns: number;
    /** How far it may be off. */
    error_ns: number;
    /** From the begin of the command to the first lost packet; `null`: none. */
    after_ns: number | null;
    /** Packets lost in the whole trial, and the time in which as many are due. */
    lost: number;
    loss_ns: number;
    /** False: it was dark to the end of the trial, and the outage longer than it. */
    came_back: boolean;
  }[];
  /** Of the trials in which it came back. */
  mean_ns: number | null;
}

/** All that is known of one frame size. `null`: not measured, the notes say why. */
export interface FrameRecord {
  frame: number;
  size: number;
  full_frames_per_second: number;
  throughput: ThroughputRecord | null;
  latency: { trials: number; response: Summary | null; service: Summary | null } | null;
  loss: LossPoint[] | null;
  back_to_back: BackToBack | null;
  recovery: RecoveryRecord | null;
  reset: ResetRecord | null;
  notes: string[];
}

/** The document. */
export interface Rfc2544Document {
  format: typeof RFC2544_FORMAT;
  ipbench: { version: string; build: string };
  run: {
    id: string;
    started: string;
    ended: string;
    interrupted?: boolean;
    failed?: boolean;
    reasons: string[];
  };
  config: unknown;
  /** What a frame size stands for. */
  carrier: string;
  line_rate_bps: number;
  /** Times are of packets on their way to another tester, from hand-over to arrival; else they are round trips. */
  one_way?: boolean;
  parameters: Record<string, number>;
  frames: FrameRecord[];
}
