/**
 * Every deadline and size of the controller, in one place. Times are milliseconds.
 *
 * @module
 */

/** Lines of a plugin's standard error that a run shows, of each test's controller half; the rest is counted. */
export const MAX_REMARKS = 10;
/** Different warnings that runs of one sweep or search show: each is shown once. */
export const MAX_WARNINGS = 100;

/**
 * How many times as long as without loss an original tester may take for its samples: it waits until all of them are in,
 * so this is a target that loses 99 of 100 packets.
 */
export const ORIGINAL_LOSS_FACTOR = 100;

/** How often an original daemon is asked whether it is free, and sent ABORT, and how long it is left alone between. */
export const FREE_ATTEMPTS = 12;
export const FREE_PAUSE_MS = 300;

/** Deadlines and sizes of a run. `timeoutSeconds` of the run description shortens the deadlines of set-up too. */
export interface Limits {
  /** From the first SYN to a connection, TLS included. */
  connectMs: number;
  /** For the daemon's greeting. */
  greetingMs: number;
  /** For the end of WATCH and the clock probes after the run, together. */
  finishMs: number;
  /** For the answer to AUTH, HELLO, ENV, CLOCK or QUIT. */
  replyMs: number;
  /** For the answer to LOAD. */
  loadMs: number;
  /** For the answer to SETUP: an original tester calibrates its clock for ten seconds there. */
  setupMs: number;
  /** For the clients that are not ready yet when as many as `require` says are. */
  stragglerMs: number;
  /** Added to what a test says it takes, before the run is given up. */
  graceMs: number;
  /** From START to the last result when the test does not say how long it takes. */
  unknownDurationMs: number;
  /** From STOP to a target's result. */
  stopMs: number;
  /** From an interruption to the results of testers that can end early. */
  haltMs: number;
  /** Between two pieces of a result that has begun to come. */
  transferStallMs: number;
  /** For the whole of a result that has begun to come. */
  transferMs: number;
  /** For a daemon to close after ABORT, before a second connection says it again. */
  abortMs: number;
  /** For one call of the controller half of a plugin (setup_controller, unmarshall, output). */
  pluginMs: number;
  /** Private writable memory of the process of a test's controller half, beyond its own when it starts, in bytes. */
  pluginMemoryBytes: number;
  /** Daemons that are connected and set up at the same time. */
  parallel: number;
  /** Longest line from a daemon, in bytes. */
  lineBytes: number;
  /** Largest result from one daemon, in bytes. */
  resultBytes: number;
  /** Results in memory, on their way or waiting for the plugin, in bytes; what is beyond waits on disk. */
  resultMemoryBytes: number;
  /** Results of daemons of one role that are with their plugin or next, in bytes; a larger one is alone. */
  handBytes: number;
  /** Results that wait on disk, in bytes. */
  resultDiskBytes: number;
  /** Largest environment record, in bytes. */
  environmentBytes: number;
  /** From the first CLOCK before the run on, for further questions. */
  clockMs: number;
  /** CLOCK probes before the run, and again after it. */
  clockProbes: number;
  /** Least time between the last START's writing and the agreed instant. */
  minLeadMs: number;
  /** Most time between them. */
  maxLeadMs: number;
}

/** So many runs of a sweep or a search have their arguments checked before the first one. */
export const MAX_CHECKED_RUNS = 10_000;

/** The defaults. */
export const LIMITS: Readonly<Limits> = {
  connectMs: 2_500,
  greetingMs: 2_500,
  finishMs: 5_000,
  replyMs: 5_000,
  loadMs: 10_000,
  setupMs: 60_000,
  stragglerMs: 3_000,
  graceMs: 5_000,
  unknownDurationMs: 3_600_000,
  stopMs: 30_000,
  haltMs: 3_000,
  transferStallMs: 5_000,
  transferMs: 120_000,
  abortMs: 1_000,
  pluginMs: 30_000,
  pluginMemoryBytes: 2 * 1024 * 1024 * 1024,
  parallel: 256,
  lineBytes: 8_192,
  resultBytes: 256 * 1024 * 1024,
  resultMemoryBytes: 8 * 1024 * 1024,
  handBytes: 128 * 1024,
  resultDiskBytes: 16 * 1024 * 1024 * 1024,
  environmentBytes: 1024 * 1024,
  clockMs: 5_000,
  clockProbes: 24,
  minLeadMs: 100,
  maxLeadMs: 5_000,
};
