/**
 * The daemon's clock, which CLOCK reads and `START at::` refers to.
 *
 * @module
 */
import { monotonicNowNs } from "../ffi/mod.ts";

/** A clock in nanoseconds, and what it is ahead of the kernel's CLOCK_MONOTONIC. */
export interface DaemonClock {
  /** Now. */
  now(): bigint;
  /** An instant of this clock in the kernel's. */
  toKernel(ns: bigint): bigint;
  /** An instant of the kernel's clock in this one. */
  fromKernel(ns: bigint): bigint;
}

/** Test hook: this many nanoseconds are added, so that one machine can play several with different clocks. */
export const SHIFT_VARIABLE = "IPBENCH_TEST_CLOCK_SHIFT_NS";

/**
 * Makes the clock.
 *
 * @param shiftText Content of {@linkcode SHIFT_VARIABLE}, if it is set.
 * @param kernelNow CLOCK_MONOTONIC in nanoseconds.
 * @throws {TypeError} when the shift is not a whole number.
 */
export function createClock(shiftText?: string, kernelNow: () => bigint = monotonicNowNs): DaemonClock {
  if (shiftText !== undefined && !/^-?[0-9]{1,18}$/.test(shiftText)) {
    throw new TypeError(`${SHIFT_VARIABLE} is a whole number of nanoseconds, got "${shiftText}"`);
  }
  const shift = BigInt(shiftText ?? 0);
  return {
    now: () => kernelNow() + shift,
    toKernel: (ns) => ns - shift,
    fromKernel: (ns) => ns + shift,
  };
}
