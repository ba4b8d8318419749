/**
 * The document that `ipbench rfc2544` leaves behind, "ipbench-rfc2544/1".
 *
 * @module
 */

import type { Summary } from "../../results/document/document.ts";
import type { BackToBack } from "./back_to_back.ts";
import type { LossPoint } from "./loss_curve.ts";
import type { StopCode } from "./mlr_search.ts";

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
  parameters: Record<string, number>;
  frames: FrameRecord[];
}
