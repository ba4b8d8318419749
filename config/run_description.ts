/**
 * One run, validated, with every default and every inheritance applied: what the controller needs and nothing else.
 *
 * @module
 */

import type { OwnKeys } from "./hosts/host_files.ts";

/** Port of a tester daemon when none is given. */
export const DEFAULT_CLIENT_PORT = 8036;
/** Port on which a controller listens to daemons that dial in, when none is given. */
export const DEFAULT_JOIN_PORT = 8038;
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
  /** Name of its class, in a run of several tests; not there in a run of one. */
  class?: string;
  /** What others call it who send to it. */
  name?: string;
  /** Its number among the testers that dial in; not there when the controller connects to it. */
  joins?: number;
  /** Number, among all clients, of the one that receives what this one sends; not there when its test is of another kind. */
  to?: number;
}

/** One target daemon: the machine under test, or a meter on it. */
export interface TargetDescription extends OwnKeys {
  host: string;
  port: number;
  /** Name of the target test, such as "cpu_target". */
  test: string;
  args: string;
  controllerArgs: string;
  /** Its number among the targets that dial in; not there when the controller connects to it. */
  joins?: number;
  /** Name of the class that it belongs to; not there when it serves the run as a whole. */
  class?: string;
}

/** What a figure of the run has to be. */
export interface GateDescription {
  /** Its name, as `ipbench compare --metric` knows it. */
  metric: string;
  operator: "<" | "<=" | ">" | ">=";
  /** A number with its unit: "200us", "0.1%", "10M". */
  limit: string;
  /** Of this class alone; not there when it is about each. */
  class?: string;
}

/** One of several tests in one run: its clients start and stop together, at instants of their own. */
export interface ClassDescription {
  /** Letters, digits, "_" and "-"; no two of a run have one name. */
  name: string;
  /** Name of its client test, such as "latency". */
  test: string;
  /** Arguments of that test's controller half. */
  controllerArgs: string;
  /** How many of its clients must be set up for the run to go on, as {@linkcode RunDescription.require}. */
  require: string;
  /** When its clients start, in seconds from the agreed instant at which the run begins. */
  beginSeconds: number;
  /** When its clients end, in seconds from the same instant; `null`: when their test does by itself. */
  endSeconds: number | null;
  /** As {@linkcode RunDescription.timeoutSeconds}, from the start of its clients. */
  timeoutSeconds: number | null;
  /** As {@linkcode RunDescription.untilCi}. */
  untilCi: number | null;
}

/** A command that is run on the controller's machine while the run goes on. */
export interface RunEventDescription {
  /** From the begin of the measured phase; of several tests, of the first one's. */
  seconds: number;
  /** For `/bin/sh`. */
  command: string;
}

/** One run. */
export interface RunDescription {
  /** Name of the client test, such as "latency"; of several, that of the first class. */
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
   * Use TLS: trust this authority and no other (`null`: those that the runtime trusts), and show this certificate to
   * daemons that ask for one. Paths of PEM files; to trust one authority alone, Deno has to be started with
   * `DENO_TLS_CA_STORE=`. `null`: plain TCP.
   */
  tls: { ca: string | null; cert?: string | undefined; key?: string | undefined } | null;
  /**
   * The run was written in the original's spelling (no word `run`): what a test does not know is then warned of and
   * passed over, as there, instead of refused.
   */
  originalSpelling?: boolean;
  /**
   * Where daemons dial in that do, `host` `null`: on all addresses when there is a secret, else on loopback alone; port 0:
   * any free one. `waitSeconds`: how long they are waited for. `tls`: use TLS with them, with this certificate and key
   * (paths of PEM files).
   */
  listen?: {
    host: string | null;
    port: number;
    waitSeconds: number;
    tls?: { cert: string; key: string };
  };
  /** Relative half width of the 95 % interval at which to stop early, or `null`. */
  untilCi: number | null;
  /** What the figures have to be; the document has for each whether it was. */
  gates?: GateDescription[];
  /**
   * The tests of a run that has several, in the order of the file; each client then names its class. What `test`,
   * `controllerArgs` and `untilCi` hold is that of the first; `require` is "all": each class has its own.
   */
  classes?: ClassDescription[];
  /** Commands for this machine; not there when there are none. */
  events?: RunEventDescription[];
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

/**
 * The tests of a run, each with when its clients run: the classes, or the one test of a run without classes, whose name
 * is "".
 *
 * @param description the run
 */
export function testsOf(description: RunDescription): ClassDescription[] {
  if (description.classes !== undefined) return description.classes;
  const { test, controllerArgs, require, timeoutSeconds, untilCi } = description;
  const times = { beginSeconds: 0, endSeconds: null };
  return [{ name: "", test, controllerArgs, require, timeoutSeconds, untilCi, ...times }];
}

/**
 * How a daemon that dials in is called before it has identified itself.
 *
 * @param index its number
 * @param name what it calls itself, once it has
 * @returns "7@lab7"
 */
export function joinedName(index: number, name = "?"): string {
  return `${index}@${name}`;
}
