/**
 * Every deadline and size of the pages that are served, in one place. Times are milliseconds, sizes bytes.
 *
 * @module
 */

/** Where pages are served when nothing else is asked for. */
export const DEFAULT_LISTEN = "127.0.0.1:8080";
/** Connections at the same time; one more is closed. */
export const MAX_CONNECTIONS = 128;
/** Descriptors that are not for connections: what the program has open anyway, and files that pages are made from. */
export const OTHER_FILES = 40;
/** Connections that wait to be accepted, as far as the kernel keeps to it. */
export const BACKLOG = 32;
/** Between two looks whether connections are still accepted, and how long one may take. */
export const WATCH_MS = 3_000;
export const ACCEPT_MS = 2_000;
/** Longest time that a client may take for a request, or for the beginning of TLS. */
export const REQUEST_MS = 10_000;
/** A connection without a request is closed after so long. */
export const IDLE_MS = 10_000;
/** Bytes of an answer that a client has to take within {@linkcode READER_STALL_MS}. */
export const PIECE_BYTES = 65_536;
/** Requests that are answered at the same time; one more gets a 503. */
export const MAX_REQUESTS = 64;
/** Readers of live figures at the same time; one more gets a 503, or the place of the oldest after {@linkcode READER_TURN_MS}. */
export const MAX_READERS = 32;
/** A reader keeps its place for so long whoever else comes. One that is sent away comes again by itself, if it is a browser. */
export const READER_TURN_MS = 60_000;
/** Longest address of a page, in characters. */
export const MAX_URL = 4_096;
/** Longest token, in characters. */
export const MAX_TOKEN = 256;

/**
 * Between two states of a run. Each one costs the browser of a reader a frame, on what may be the testers' processors. Testers
 * report every 200 ms: what is seen is less than a second old.
 */
export const EVERY_MS = 750;
/** A reader that has taken nothing of what it is sent for so long is dropped. */
export const READER_STALL_MS = 10_000;
/** A reader receives something at least that often, so that both ends know that the other one is there. */
export const KEEPALIVE_MS = 5_000;

/** Testers and targets of a run that are shown. */
export const MAX_PEERS = 1_024;
/** Warnings, errors and reasons of a run that are kept, the latest ones. */
export const MAX_NOTES = 100;
/** Lines of attached consoles that are kept, the latest ones. */
export const MAX_CONSOLE = 50;
/** Longest text of anything in a run's state, in characters. */
export const MAX_TEXT = 500;
/** Points of each curve of a run: one for each state of the last ten minutes. The page's script has both, too. */
export const MAX_POINTS = 800;
/** Between two of them. */
export const POINT_MS = EVERY_MS;

/** Runs of other processes that are followed at the same time. */
export const MAX_FEEDS = 32;
/** Largest state of a run that another process sends. */
export const MAX_STATE = 2 * 1024 * 1024;
/** A run that has ended is shown for so long after its last state. */
export const KEEP_ENDED_MS = 600_000;
/** Ended runs that are kept at the most. */
export const MAX_ENDED = 16;
/** A run's end waits so long for its last state to be sent to the user's `ipbench serve`. */
export const FLUSH_MS = 500;
/** A server's end waits so long for readers to take what they were sent last. */
export const LAST_MS = 2_000;

/** Documents of folders that are listed. */
export const MAX_LISTED = 10_000;
/** Files of folders that are looked into. */
export const MAX_LOOKED_AT = 50_000;
/** Runs on one side of a comparison. */
export const MAX_COMPARED = 200;
