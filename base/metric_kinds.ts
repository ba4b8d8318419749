/**
 * How the figures of a test add up and compare: what a plugin declares of them, and a result document keeps.
 *
 * @module
 */

/** How one metric of several testers becomes the run's ("none": it does not), in the order of `enum ipbench_total`. */
export const TOTALS = ["none", "sum", "mean", "max", "min"] as const;
/** Which direction of a metric is an improvement, in the order of `enum ipbench_better`. */
export const BETTER = ["unknown", "more", "less"] as const;
