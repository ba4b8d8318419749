/**
 * The benchmarks of RFC 2544: throughput, latency at the throughput rate, frame loss rate, back-to-back frames as RFC 9004
 * has them, system recovery, and reset as RFC 6201 has it; for one frame size after the other.
 *
 * @module
 */

import { FrameBench, type Rfc2544Dependencies, type Rfc2544Options } from "./frame_bench.ts";
import { carrierText, type FrameSize, frameSize, framesPerSecond, fullLoad } from "./frames.ts";
import {
  type FrameRecord,
  RFC2544_FORMAT,
  type Rfc2544Document,
} from "../../results/search/rfc2544_document.ts";
import { isOneWay } from "./measure.ts";
import { TrialError } from "./trials.ts";

/**
 * Runs the benchmarks that were asked for over all frame sizes.
 *
 * @returns The document; runs that failed, or Ctrl-C, end it early, which it records.
 */
export async function runRfc2544(
  options: Rfc2544Options,
  deps: Rfc2544Dependencies,
): Promise<Rfc2544Document> {
  const document: Rfc2544Document = {
    format: RFC2544_FORMAT,
    ipbench: options.ipbench,
    run: { id: crypto.randomUUID(), started: deps.clock.now().toISOString(), ended: "", reasons: [] },
    config: options.base,
    carrier: carrierText(options.carrier),
    line_rate_bps: options.lineRate,
    ...isOneWay(options.base) ? { one_way: true } : {},
    parameters: {
      trial_seconds: options.trialSeconds,
      width: options.width,
      latency_seconds: options.latencySeconds,
      latency_repeat: options.latencyRepeat,
      burst_seconds: options.burstSeconds,
      burst_repeat: options.burstRepeat,
      overload_seconds: options.overloadSeconds,
      reset_seconds: options.resetSeconds,
      dark_repeat: options.darkRepeat,
    },
    frames: [],
  };
  let kept = 0;
  const bench = new FrameBench(options, deps, () => ++kept);
  try {
    for (const frame of options.frames) {
      const size = frameSize(frame, options.carrier);
      if (size === null) {
        deps.onLine?.(`${frame}-byte frames: left out, too small for ${carrierText(options.carrier)}`);
        continue;
      }
      const record = emptyRecord(size, options);
      document.frames.push(record);
      await bench.measure(size, record);
    }
  } catch (error) {
    if (!(error instanceof TrialError)) throw error;
    document.run.reasons.push(error.message);
    if (error.kind === "interrupted") document.run.interrupted = true;
    else document.run.failed = true;
  }
  document.run.ended = deps.clock.now().toISOString();
  return document;
}

function emptyRecord(size: FrameSize, options: Rfc2544Options): FrameRecord {
  const rate = framesPerSecond(fullLoad(options.lineRate, size), size);
  return {
    ...size,
    full_frames_per_second: rate,
    throughput: null,
    latency: null,
    loss: null,
    back_to_back: null,
    recovery: null,
    reset: null,
    notes: [],
  };
}
