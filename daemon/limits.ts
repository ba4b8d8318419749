/**
 * Every deadline and every limit of the daemon, in one place. Limits of the protocol itself are in `protocol/limits.ts`,
 * those of a plugin's process in `ffi/limits.ts`.
 *
 * @module
 */

/** Connections at once; one more ends another that has not got the test (`--max-connections`). */
export const MAX_CONNECTIONS = 256;

/** Open files that are no connections: the runtime's, the listeners', the pipes to the processes of two tests. */
export const OTHER_FILES = 48;

/** How long a connection may send nothing, in milliseconds (`--idle-timeout`). */
export const IDLE_CONNECTION_MS = 600_000;

/** How long a connection that has the test may wait before START: other testers may take long to set up. */
export const IDLE_OWNER_MS = 1_800_000;

/** How long a connection may stay without having shown the secret, where one is asked for. */
export const UNAUTHENTICATED_MS = 30_000;

/** Longest test (`--max-test-time`): a tester's START to its end, a target's START to STOP. */
export const MAX_TEST_MS = 24 * 3_600_000;

/** Longest time that one write may take to be accepted by the peer's side of the network. */
export const WRITE_MS = 10_000;

/** Bytes of a result that one write carries. */
export const RESULT_CHUNK_BYTES = 256 * 1024;

/** A result may take {@linkcode WRITE_MS} plus its length at this rate, in bytes a second. */
export const RESULT_MIN_RATE = 64 * 1024;

/** How long a closed connection is still read, so that unread lines do not turn the close into a reset. */
export const LINGER_MS = 1_000;

/** How many closed connections are still read, beside the open ones; beyond that, the oldest are dropped. */
export const MAX_LINGERING = 64;

/** Bytes that are read from a closed connection at most. */
export const LINGER_BYTES = 256 * 1024;

/** Bytes that one read takes. */
export const READ_BYTES = 16 * 1024;

/** Lines of one connection that are handled in one go; then it waits for {@linkcode LINES_PAUSE_MS}. */
export const LINES_AT_ONCE = 64;

/** Long enough that hundreds of connections that flood the daemon with lines leave the processor to others. */
export const LINES_PAUSE_MS = 20;

/** Effects that may wait for a slow peer before the session stops reading from it. */
export const MAX_WAITING_EFFECTS = 64;

/** How long HELLO waits for the slot while a test that was ended is being cleared away. */
export const SLOT_WAIT_MS = 3_000;

/** How long a session waits for its own test to be cleared away before it closes all the same. */
export const RELEASE_WAIT_MS = 3_000;

/** How long a plugin's stop may take when its test is ended from outside, before its process is killed. */
export const POLITE_STOP_MS = 1_000;

/** Connections that may wait for the answer to ENV at once. */
export const MAX_WAITING_LOOKS = 32;

/** How long an answer to ENV is reused for others who ask the same. */
export const LOOK_FRESH_MS = 500;

/** How long the spare plugin process is kept when nobody is connected. */
export const SPARE_CHILD_MS = 60_000;

/** Largest result in bytes (`--max-result`). */
export const MAX_RESULT_BYTES = 256 * 1024 * 1024;

/** How often sessions' times are checked. */
export const TICK_MS = 1_000;

/** How long a TLS handshake may take. */
export const TLS_HANDSHAKE_MS = 5_000;

/** Connections to a daemon that asks for certificates that may wait to be accepted; the oldest of more are closed. */
export const MAX_UNACCEPTED = 64;

/** How long the daemon takes to go down at most. */
export const SHUTDOWN_MS = 4_000;

/** How long after the last of `--max-runs` its result may take to be sent. */
export const LAST_RESULT_MS = 60_000;

/** Pause after an error of accept (too many open files), so that it does not spin. */
export const ACCEPT_PAUSE_MS = 100;

/** First delay after a wrong secret; it doubles with each further one of the same address. */
export const AUTH_FIRST_DELAY_MS = 100;

/** Longest delay after a wrong secret. */
export const AUTH_MAX_DELAY_MS = 5_000;

/** Delays of one address that may be under way; further refusals are neither kept back nor logged one by one. */
export const AUTH_MAX_PENDING = 8;

/** After this time without a wrong secret an address is forgotten. */
export const AUTH_FORGET_MS = 600_000;

/** Addresses that are remembered; all others share one record. */
export const AUTH_MAX_ADDRESSES = 1_024;

/** Bytes of a secret file. */
export const MAX_SECRET_BYTES = 4_096;

/** Records of the log that may wait for who reads it; further ones are dropped and counted. */
export const LOG_QUEUE_RECORDS = 2_048;

/** How long the end of the daemon waits for its last words to be read. */
export const LOG_FLUSH_MS = 1_000;

/** How long the name of a controller that listens may take to be resolved (`--join`). */
export const JOIN_LOOKUP_MS = 10_000;

/** How long a connection to it may take to be made, over all its addresses. */
export const JOIN_CONNECT_MS = 10_000;

/** How long the controller may take to take the daemon, TLS included: thousands may come at once. */
export const JOIN_ANSWER_MS = 15_000;

/** Pause before the first further attempt to join, about; it doubles with each that fails. */
export const JOIN_FIRST_PAUSE_MS = 250;

/** Longest pause between two attempts to join, about. */
export const JOIN_LONGEST_PAUSE_MS = 10_000;

/** A connection to a controller that ended sooner counts as an attempt that failed. */
export const JOIN_SHORT_MS = 1_000;

/** How long a daemon that ends after one run (`--once`) tries to come back when its connection was lost before its test. */
export const JOIN_BACK_MS = 15_000;

/** How long such a daemon tries to be taken for the first time. */
export const JOIN_ONCE_MS = 600_000;
