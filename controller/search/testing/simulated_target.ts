/**
 * A target with a known capacity, for the tests of the search: it drops or queues what is too much, and can be noisy,
 * forgetful, moody. Simulated time only.
 *
 * @module
 */

import { normal, seededRandom } from "../../../base/random.ts";
import type { Trial, TrialLatency } from "../classify.ts";

/** What a simulated target is like. Loads in bit/s, times in seconds. */
export interface SimulatedTargetOptions {
  seed: number;
  capacity: number;
  /** Relative standard deviation of the capacity from trial to trial. */
  noise?: number;
  /** Bits that it can hold before it drops; Infinity: it never drops, it only gets slow. */
  buffer?: number;
  /** How often a second something is lost that has nothing to do with the load. */
  sporadicPerSecond?: number;
  /** Once overloaded, the capacity falls by this share, until the load has been below half of it. */
  hysteresis?: number;
  /** Trials begin with a ramp from a tenth of the load (which lets a target recover). */
  rampUp?: boolean;
  /** Loss at every load, as a share. */
  baseLoss?: number;
  /** The tester cannot offer more than this; its trials are then invalid. */
  testerLimit?: number;
  /** Share of trials that are invalid for no reason of the load. */
  invalidShare?: number;
}

const BITS_PER_PACKET = 8 * 1000;
const BASE_LATENCY_NS = 20_000;

/** See the module. */
export class SimulatedTarget {
  readonly #options: SimulatedTargetOptions;
  readonly #random: () => number;
  #degraded = false;
  /** Seconds of trials, invalid ones included. */
  seconds = 0;
  trials = 0;

  constructor(options: SimulatedTargetOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  /** Runs one trial; `null` when the tester spoilt it. */
  measure(load: number, seconds: number): Trial | null {
    const options = this.#options;
    this.trials++;
    this.seconds += seconds;
    if (options.testerLimit !== undefined && load > options.testerLimit) return null;
    if (this.#random() < (options.invalidShare ?? 0)) return null;
    const capacity = this.#capacity(load);
    const buffer = options.buffer ?? 0;
    const excess = Math.max(0, load - capacity) * seconds;
    if (excess > 0 && options.hysteresis !== undefined) this.#degraded = true;
    const dropped = Math.max(0, excess - buffer) + load * seconds * (options.baseLoss ?? 0);
    const sent = Math.max(1, Math.round(load * seconds / BITS_PER_PACKET));
    const lost = Math.min(sent, Math.round(dropped / BITS_PER_PACKET) + this.#sporadic(seconds));
    const queued = Math.min(excess, buffer) / capacity * 1e9;
    return {
      load,
      seconds,
      lossRatio: lost / sent,
      receivedLoad: Math.min(load, capacity),
      latency: { response: latencyOf(queued), service: latencyOf(queued) },
    };
  }

  #capacity(load: number): number {
    const { capacity, noise = 0, hysteresis = 0, rampUp = true } = this.#options;
    const start = rampUp ? load / 10 : load;
    if (start < capacity / 2) this.#degraded = false;
    return capacity * (1 + noise * normal(this.#random)) * (this.#degraded ? 1 - hysteresis : 1);
  }

  #sporadic(seconds: number): number {
    let lost = 0;
    const rate = this.#options.sporadicPerSecond ?? 0;
    for (let left = seconds; left > 0; left -= 0.1) {
      if (this.#random() < rate * Math.min(0.1, left)) lost += 3;
    }
    return lost;
  }
}

/** A queue that grows evenly to `queued` nanoseconds while the trial runs. */
function latencyOf(queued: number): TrialLatency {
  const at = (share: number) => BASE_LATENCY_NS + queued * share;
  return {
    mean_ns: at(0.5),
    p50_ns: at(0.5),
    p90_ns: at(0.9),
    p99_ns: at(0.99),
    p999_ns: at(0.999),
    p9999_ns: at(0.9999),
    p99999_ns: at(0.99999),
    max_ns: at(1),
  };
}
