/**
 * Every limit of the control protocol, in one place.
 *
 * @module
 */

/** Longest line either side reads, in bytes, its line end not counted. */
export const MAX_LINE_BYTES = 8192;

/** Longest message inside the parentheses of a reply, in UTF-16 units; longer ones are cut. */
export const MAX_MESSAGE_LENGTH = 1000;

/** Longest name LOAD accepts. */
export const MAX_PLUGIN_NAME_LENGTH = 64;

/** Longest target that SETUP carries: a host name (253), an address with a zone, or a MAC. */
export const MAX_TARGET_LENGTH = 255;

/** Largest result that a reader accepts, in bytes (ten million samples of 8 bytes fit three times). */
export const MAX_RESULT_BYTES = 256 * 1024 * 1024;

/** Lines that a daemon keeps while it works on an earlier one of the same connection; one more closes it. */
export const MAX_QUEUED_LINES = 64;

/** Lines of text before the final reply (HELP, STATUS) that a controller accepts. */
export const MAX_TEXT_LINES = 256;

/** Bytes in a nonce of AUTH. */
export const NONCE_BYTES = 16;

/** Fewest bytes of a secret: what is shorter could be found by trying, without the daemon, from one recorded proof. */
export const MIN_SECRET_BYTES = 16;

/** Random bytes in a secret that is made here. */
export const NEW_SECRET_BYTES = 32;

/** Bytes of an HMAC-SHA-256. */
export const HMAC_BYTES = 32;

/** `START at::` and `STOP at::` further away than this, in nanoseconds, are refused. */
export const MAX_START_DISTANCE_NS = 60_000_000_000n;

/** No clock that counts from a machine's start is beyond this: 146 years, in nanoseconds. */
export const MAX_CLOCK_NS = 2n ** 62n;

/** How many times a second WATCH reports. */
export const WATCH_PER_SECOND = 5;

/** Longest time from one report of WATCH to the next that can be asked for, in milliseconds. */
export const MAX_WATCH_MS = 60_000;

/** Largest number of a daemon that dials in. */
export const MAX_JOIN_INDEX = 999_999;

/** Longest name of a daemon that dials in. */
export const MAX_JOIN_NAME_LENGTH = 64;

/** Longest line of a controller and a daemon before the daemon has been taken, in bytes. */
export const MAX_JOIN_LINE_BYTES = 512;
