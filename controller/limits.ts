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
  /** Added to a test's own expected duration, before the run is given up. */
  graceMs: number;
  /** From START to the last result when the test does not know how long it takes. */
  unknownDurationMs: number;
  /** From the end of a run to that of a command that was begun in it. */
  eventMs: number;
  /** From STOP to a target's result. */
  stopMs: number;
  /** From an interruption to the results of testers that can end early. */
  haltMs: number;
  /** Between two pieces of a result that has begun to come. */
  transferStallMs: number;
  /** For the whole of a result that has begun to come. */
  transferMs: number;
  /** For a daemon to close after ABORT, before a second connection sends it again. */
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
  /** From one comparison of a clock to the next while a test runs that measures one-way delays. */
  clockEveryMs: number;
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
  eventMs: 10_000,
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
  clockEveryMs: 250,
  minLeadMs: 100,
  maxLeadMs: 5_000,
};

/** How long whoever dials in may take to prove that he may. */
export const JOIN_MS = 10_000;

/**
 * Connections that have proved nothing yet: as many as open files have room for between the fewest and the most, or as daemons are
 * expected, which may all come at once. Of more, an address that has more than its share of them loses its oldest after a moment;
 * where none has, the oldest of all goes, which had longer.
 */
export const MIN_UNPROVEN = 256;
export const MANY_UNPROVEN = 4_096;
export const UNPROVEN_SOURCE_SHARE = 1 / 8;
export const UNPROVEN_CROWD_STAY_MS = 250;
export const UNPROVEN_STAY_MS = 2_000;

/** Pause after an error of accept, such as too many open files. */
export const ACCEPT_PAUSE_MS = 100;

/** Refusals of those who dial in that are reported one by one; further ones are counted. */
export const MAX_TOLD_REFUSALS = 10;

/** How often a run that waits for daemons to dial in checks who is there, and how often it reports that. */
export const GATHER_POLL_MS = 50;
export const GATHER_TELL_MS = 2_000;

/** Times that a daemon may be lost before START and come again. */
export const MAX_COMEBACKS = 3;

/** Open files of a run that are no connections of daemons that dial in: the runtime's, pipes to plugins, the document. */
export const OTHER_FILES = 64;

/** Testers beyond which deadlines for what they send grow, and by how much for each of them, in milliseconds. */
export const MANY_TESTERS = 1_000;
export const MORE_MS_EACH = 2;
