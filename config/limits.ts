/**
 * The limits of what a configuration may hold.
 *
 * @module
 */

/** Largest configuration file, in bytes: some ten thousand clients. */
export const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
/** Deepest nesting of elements; a real file needs four. */
export const MAX_CONFIG_DEPTH = 16;
/** Most problems reported of one file; the rest are counted. */
export const MAX_PROBLEMS = 100;
/** Longest arguments of a test, in bytes of UTF-8: the SETUP line has to stay below 8 KiB. */
export const MAX_ARGS_BYTES = 7_000;
/** Longest host name or address. */
export const MAX_HOST_LENGTH = 255;
/** Longest name of a test. */
export const MAX_TEST_NAME_LENGTH = 64;
/** Most hosts that ranges and files name on one command line. */
export const MAX_HOSTS = 20_000;
/** Most testers in one run. */
export const MAX_CLIENTS = 20_000;
/** Most rules in the map of testers that dial in. */
export const MAX_MAP_RULES = 1_000;
/** How long testers that dial in are waited for unless set otherwise, and at most, in seconds. */
export const DEFAULT_WAIT_SECONDS = 60;
export const MAX_WAIT_SECONDS = 86_400;
/** Most targets in one run. */
export const MAX_TARGETS = 1_000;
/** Most classes in one run: each has a plugin's process on the controller, and a colour in the report. */
export const MAX_CLASSES = 8;
/** Longest name of a class. */
export const MAX_CLASS_NAME_LENGTH = 32;
/** Latest end of a class, in seconds from the run's begin: a day. */
export const MAX_CLASS_SECONDS = 86_400;
/** Latest begin of a class: a daemon that is set up and not started is given up after half an hour. */
export const MAX_BEGIN_SECONDS = 1_200;
