/**
 * Layout of the C structures of `tests_c/include/plugin.h` and `tests_c/libipbench/libipbench.h` on LP64 machines.
 * A test compares every number here with what a C program prints (`structs_test.ts`).
 *
 * @module
 */

/** `struct client_data`. */
export const CLIENT_DATA = { size: 24, data: 0, length: 8, valid: 12, type: 16 } as const;

/** `struct ipbench_plugin`. */
export const PLUGIN = {
  size: 112,
  magic: 0,
  name: 8,
  id: 16,
  descr: 24,
  default_port: 32,
  type: 36,
  setup: 40,
  setup_controller: 48,
  start: 56,
  stop: 64,
  marshall: 72,
  marshall_cleanup: 80,
  unmarshall: 88,
  unmarshall_cleanup: 96,
  output: 104,
} as const;

/** Names of the functions of `struct ipbench_plugin`, all of them mandatory. */
export const PLUGIN_FUNCTIONS = [
  ...["setup", "setup_controller", "start", "stop", "marshall", "marshall_cleanup"] as const,
  ...["unmarshall", "unmarshall_cleanup", "output"] as const,
] as const;

/** `struct ipbench_option`. */
export const OPTION = {
  size: 56,
  name: 0,
  type: 8,
  unit: 16,
  dflt: 24,
  range: 32,
  help: 40,
  controller: 48,
} as const;

/** `struct ipbench_metric`. */
export const METRIC = { size: 32, name: 0, unit: 8, help: 16, total: 24, better: 28 } as const;

/** `struct ipbench_plugin_ext`. */
export const EXT = {
  size: 104,
  major: 0,
  minor: 4,
  size_field: 8,
  option_size: 12,
  version: 16,
  options: 24,
  option_count: 32,
  csv_header: 40,
  attach: 48,
  expected_duration: 56,
  results: 64,
  results_cleanup: 72,
  metrics: 80,
  metric_count: 88,
  metric_size: 92,
  needs_target: 96,
} as const;

/** `struct ipbench_host`. */
export const HOST = {
  size: 64,
  major: 0,
  minor: 4,
  size_field: 8,
  debug: 12,
  form: 16,
  run_id: 24,
  flow_base: 32,
  error_size: 36,
  error: 40,
  progress: 48,
  original_spelling: 56,
} as const;

/** `struct ipbench_host_start`. */
export const HOST_START = {
  size: 48,
  at_ns: 0,
  actual_ns: 8,
  ended_ns: 16,
  start_sec: 24,
  start_usec: 32,
  status: 40,
  armed: 44,
} as const;

/** Value of `armed`. */
export const ARMED = 1;

/** `struct timeval`. */
export const TIMEVAL = { size: 16, sec: 0, usec: 8 } as const;

/** Values of `type`. */
export const TYPE_CLIENT = 0;
/** Values of `type`. */
export const TYPE_TARGET = 1;
