/**
 * CLOCK_MONOTONIC of this machine, the clock in which agreed instants are given.
 *
 * @module
 */

const CLOCK_MONOTONIC = 1;

const symbols = {
  // int clock_gettime(clockid_t clock, struct timespec *time)
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

let library: Deno.DynamicLibrary<typeof symbols> | null = null;
const timespec = new BigInt64Array(2);

/**
 * @returns CLOCK_MONOTONIC in nanoseconds
 * @throws {Error} when libc.so.6 cannot be opened
 */
export function monotonicNowNs(): bigint {
  library ??= Deno.dlopen("libc.so.6", symbols);
  library.symbols.clock_gettime(CLOCK_MONOTONIC, timespec);
  return timespec[0]! * 1_000_000_000n + timespec[1]!;
}
