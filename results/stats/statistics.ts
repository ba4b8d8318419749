/**
 * The statistics of a run and of comparisons, in one place.
 *
 * @module
 */
export * from "./batch_means.ts";
export * from "./distributions.ts";
export * from "./effect.ts";
export * from "./rank_test.ts";
export * from "./welford.ts";
