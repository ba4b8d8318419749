/**
 * Every deadline and every size limit between a plugin's process and its parent.
 *
 * @module
 */

/** Bytes of the JSON part of one message. */
export const MAX_HEADER_BYTES = 4 * 1024 * 1024;
/** Bytes of the binary part of one message: a marshalled result, an output, a results document. */
export const MAX_BODY_BYTES = 256 * 1024 * 1024;
/** Bytes of what a plugin's `output` may print. */
export const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** Bytes of the JSON that a plugin's `results` may give. */
export const MAX_RESULTS_BYTES = 64 * 1024 * 1024;
/** Bytes of one line of a plugin's stderr; a longer one is cut into pieces. */
export const MAX_LOG_LINE_BYTES = 8 * 1024;
/** Lines of a plugin's stderr that are passed on in one second; the rest is counted and dropped. */
export const MAX_LOG_LINES_PER_SECOND = 500;
/** Characters of those lines, so that long ones do not fill the disk that has the log. */
export const MAX_LOG_CHARACTERS_PER_SECOND = 128 * 1024;
/** Bytes of a name in a plugin. */
export const MAX_NAME_BYTES = 128;
/** Bytes of any other text in a plugin (description, help of an option). */
export const MAX_TEXT_BYTES = 4096;
/** Options that one plugin may describe. */
export const MAX_OPTIONS = 512;
/** Bytes of a file that is examined as a plugin. */
export const MAX_PLUGIN_BYTES = 256 * 1024 * 1024;
/** Files of one folder that are examined in search of plugins. */
export const MAX_FOLDER_ENTRIES = 100_000;
/** Bytes of the sentence in which a plugin explains why a call failed (`ipbench_host.error`). */
export const ERROR_BYTES = 1024;
/** Bytes that `ipbench_host_ethtool` and `ipbench_host_abilities` may write. */
export const ETHTOOL_BYTES = 64 * 1024;
/** Bytes of the addresses of a target, and of the sentence that there is none (IPBENCH_HOST_TARGET_MAX). */
export const TARGET_BYTES = 1024;
/** Bytes of what a machine's links did during a test (IPBENCH_HOST_LINKS_MAX). */
export const LINKS_BYTES = 800;
/** Open files of a plugin's process. */
export const CHILD_OPEN_FILES = 65_536;

/** How long each call may take, in milliseconds; a call that takes longer ends the plugin's process. */
export interface HostDeadlines {
  /** From the start of the process until it answers. */
  readyMs: number;
  /** Opening every plugin that can be found. */
  listMs: number;
  loadMs: number;
  /** Connects, calibrates, allocates. */
  setupMs: number;
  stopMs: number;
  /** From the return of `stop` until `start` has returned as well. */
  startReturnsMs: number;
  marshallMs: number;
  setupControllerMs: number;
  durationMs: number;
  unmarshallMs: number;
  outputMs: number;
  environmentMs: number;
  checkMs: number;
  /** From SIGKILL until the process is gone. */
  killMs: number;
}

/** What applies unless the caller asks for something else. `start` itself has no deadline here: the caller knows the test. */
export const DEFAULT_DEADLINES: HostDeadlines = {
  readyMs: 20_000,
  listMs: 30_000,
  loadMs: 20_000,
  setupMs: 60_000,
  stopMs: 10_000,
  startReturnsMs: 10_000,
  marshallMs: 30_000,
  setupControllerMs: 10_000,
  durationMs: 5_000,
  unmarshallMs: 30_000,
  outputMs: 60_000,
  environmentMs: 20_000,
  checkMs: 30_000,
  killMs: 5_000,
};

/**
 * One deadline, in milliseconds, for each call that a daemon makes but `start`, whose length the test decides. The start of
 * the process gets no less than it has by default.
 */
export function oneDeadline(ms: number): Partial<HostDeadlines> {
  const calls = { setupMs: ms, stopMs: ms, startReturnsMs: ms, marshallMs: ms, environmentMs: ms };
  return { ...calls, loadMs: ms, readyMs: Math.max(ms, DEFAULT_DEADLINES.readyMs) };
}

/** Keepalive: a peer that is gone without a word is noticed after IDLE + COUNT × INTERVAL seconds. */
export const KEEPALIVE_IDLE_S = 10;
export const KEEPALIVE_INTERVAL_S = 5;
export const KEEPALIVE_COUNT = 3;
