/**
 * One run, validated, with every default and every inheritance applied: what the controller needs and nothing else.
 *
 * @module
 */

import type { OwnKeys } from "./host_files.ts";

/** Port of a tester daemon when none is given. */
export const DEFAULT_CLIENT_PORT = 8036;
/** Port of a target daemon when none is given. */
export const DEFAULT_TARGET_PORT = 8037;

/** What the original sends as target when none was given; tests such as "wait" need none. */
export const NO_TARGET = "None";

/** One tester: a daemon's address, and what its test is to do. */
export interface ClientDescription extends OwnKeys {
  /** Name or address of the tester daemon. */
  host: string;
  /** Its control port, 1..65535. */
  port: number;
  /** The machine under test, as SETUP carries it (host, address or, for raw Ethernet, MAC). */
  target: string;
  /** Port on the machine under test; `null`: the plugin's default_port. */
  targetPort: number | null;
  /** Arguments of the test for this client, `name=value,name=value`. */
  args: string;
}

/** One target daemon: the machine under test, or a meter on it. */
export interface TargetDescription extends OwnKeys {
  host: string;
  port: number;
  /** Name of the target test, such as "cpu_target". */
  test: string;
  args: string;
  controllerArgs: string;
}

/** One run. */
export interface RunDescription {
  /** Name of the client test, such as "latency". */
  test: string;
  /** Arguments of its controller half. */
  controllerArgs: string;
  clients: ClientDescription[];
  targets: TargetDescription[];
  /** Send ABORT to every daemon first. */
  reset: boolean;
  debug: boolean;
  /** Longest time from START to the last result, in seconds; `null`: derived from the test's arguments. */
  timeoutSeconds: number | null;
  /** How many clients must be set up for the run to go on: "all", a count, or a share ("90%"). */
  require: string;
  pluginDirs: string[];
  /** File with the shared secret of the control protocol. */
  secretFile: string | null;
  /** Refuse daemons that do not prove that they know the secret; without it they are warned of. */
  requireSecret?: boolean;
  /**
   * Speak TLS: trust this authority and no other (`null`: those that the runtime trusts), and show this certificate to
   * daemons that ask for one. Paths of PEM files; to trust one authority alone, Deno has to be started with
   * `DENO_TLS_CA_STORE=`. `null`: plain TCP.
   */
  tls: { ca: string | null; cert?: string | undefined; key?: string | undefined } | null;
  /**
   * The run was written in the original's spelling (no word `run`): what a test does not know is then warned of and
   * passed over, as there, instead of refused.
   */
  originalSpelling?: boolean;
  /** Relative half width of the 95 % interval at which to stop early, or `null`. */
  untilCi: number | null;
}

/**
 * A run without special wishes: every field at the default that the command line gives it.
 *
 * @param test name of the client test, such as "latency"
 * @param clients the testers
 * @returns the description; its fields may be changed
 *
 * @example Two minutes at most
 * ```ts
 * import { defaultRun } from "@ipbench/ipbench";
 *
 * const client = { host: "10.0.0.2", port: 8036, target: "10.0.0.9", targetPort: 7, args: "socktype=udp" };
 * const description = { ...defaultRun("latency", [client]), timeoutSeconds: 120 };
 * ```
 */
export function defaultRun(test: string, clients: ClientDescription[]): RunDescription {
  return {
    test,
    controllerArgs: "",
    clients,
    targets: [],
    reset: false,
    debug: false,
    timeoutSeconds: null,
    require: "all",
    pluginDirs: [],
    secretFile: null,
    tls: null,
    untilCi: null,
  };
}
