/**
 * Every time and size of a quick look, in one place. Times are milliseconds unless their names have another unit.
 *
 * @module
 */

/** From the beginning to the screen; starting and ending the program comes to it. */
export const WHOLE_MS = 26_500;
/** What is kept of that for ending what was started, and for the screen. */
export const END_MS = 500;
/** What a phase takes beside its test, until one has been seen. */
export const FIRST_OVERHEAD_MS = 700;

/** For a port of the host to answer, and for a daemon to say what it is. */
export const FIND_MS = 2_000;
/** What is waited for when a target daemon has answered: nothing else is needed. */
export const COMPANY_MS = 250;
/** Between two datagrams that look for an echo. */
export const ECHO_AGAIN_MS = 400;
/** For our own daemons to be ready. */
export const READY_MS = 8_000;
/** For our own daemons to end by themselves, and then after SIGTERM. */
export const DAEMON_END_MS = 1_500;
/** Longest line, and most lines, that are read of what our own daemons log. */
export const MAX_LOG_LINE = 4_096;
export const MAX_LOG_LINES = 50;
/** Our own daemons end by themselves when they are forgotten: a test's longest time, and a wait without one; seconds. */
export const DAEMON_TEST_SECONDS = 60;
export const DAEMON_IDLE_SECONDS = 60;

/** A folder that a killed look has left is removed when it is so old; a look takes a twentieth of that. */
export const LEFT_BEHIND_MS = 600_000;
/** Folders of that kind that are examined, at a start. */
export const MAX_LEFT_BEHIND = 100;

/** Probes a second: the draft's MPS. */
export const PROBES_PER_SECOND = 100;
/** Bytes of a probe. */
export const PROBE_BYTES = 64;
/** Streams in each direction. */
export const STREAMS = 8;
/** Phases, in seconds. */
export const IDLE_SECONDS = 2;
export const LOADED_SECONDS = 3.5;
export const UDP_SECONDS = 2;
/** A phase that has no more room than this is left out, in seconds. */
export const LEAST_SECONDS = 1;
/** Before each, in seconds; slow start and the queue's filling are over then. */
export const PROBE_WARMUP_SECONDS = 0.3;
export const LOAD_WARMUP_SECONDS = 1;
/** Bytes of a datagram of the UDP phase. */
export const DATAGRAM_BYTES = 1_400;
/** Rate of the UDP phase where no TCP rate was found, bit/s: what most links carry. */
export const ECHO_RATE_BPS = 10e6;
/** Most of it, bit/s: beyond, the tester's own limits are what would be seen. */
export const MAX_UDP_BPS = 100e9;

/** Ports for streams and echo on the host, in the order in which they are tried. */
export const SERVICE_PORTS: readonly (readonly [streams: number, echo: number])[] = [
  [5205, 5206],
  [15205, 15206],
  [25205, 25206],
];
