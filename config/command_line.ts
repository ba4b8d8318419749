/**
 * The options of a run as they were typed, before any check. Every option of the original is here under its own name.
 *
 * @module
 */

import type { Problem } from "./config_error.ts";
import type { RunDescription } from "./run_description.ts";

/** Option values as typed; what was not given is `undefined`. */
export interface CommandLine {
  /** `-c/--client HOST[:PORT]`, each. */
  client?: string[] | undefined;
  /** `-p/--port`: control port of the testers. */
  port?: string | undefined;
  /** `-t/--test`. */
  test?: string | undefined;
  /** `-a/--test-args`. */
  testArgs?: string | undefined;
  /** `-T/--test-target`: the machine under test. */
  testTarget?: string | undefined;
  /** `-P/--test-port`: port on the machine under test, 0 for the test's own. */
  testPort?: string | undefined;
  testControllerArgs?: string | undefined;
  targetTest?: string | undefined;
  /** Machine whose target daemon runs the target test. */
  targetTestHostname?: string | undefined;
  /** Control port of that target daemon. */
  targetTestPort?: string | undefined;
  targetTestArgs?: string | undefined;
  targetTestControllerArgs?: string | undefined;
  reset?: boolean | undefined;
  debug?: boolean | undefined;
  pluginDir?: string[] | undefined;
  /** Longest time of the run, with unit. */
  timeout?: string | undefined;
  require?: string | undefined;
  /** `--secret-file FILE` or `HOST=FILE`, each. */
  secretFile?: string[] | undefined;
  requireSecret?: boolean | undefined;
  /** There was no word `run`: the original's spelling. */
  originalSpelling?: boolean | undefined;
  /** `--tls-ca FILE` or `HOST=FILE`, each. */
  tlsCa?: string[] | undefined;
  tlsCert?: string | undefined;
  tlsKey?: string | undefined;
  /** Relative half width of the confidence interval, with or without %. */
  untilCi?: string | undefined;
  /** `--listen [ADDR:]PORT`: where daemons dial in. */
  listen?: string | undefined;
  /** How many testers dial in. */
  expect?: string | undefined;
  /** How many targets dial in. */
  expectTargets?: string | undefined;
  /** How long those are waited for, with unit. */
  wait?: string | undefined;
  /** `--gate FIGURE<LIMIT`, each. */
  gate?: string[] | undefined;
  /** `--class CLASS.ARGUMENT=VALUE`, each. */
  class?: string[] | undefined;
  /** `--event TIME=COMMAND`, each. */
  event?: string[] | undefined;
}

/**
 * Reads the options for TLS.
 *
 * @param line The options as typed; of the authorities the one that is for all daemons.
 * @returns What they ask for, and what is wrong with them.
 */
export function tlsOf(
  line: Pick<CommandLine, "tlsCert" | "tlsKey" | "listen"> & { tlsCa?: string | undefined },
): { tls: RunDescription["tls"]; problem: Problem | null } {
  const { tlsCa: ca, tlsCert: cert, tlsKey: key, listen } = line;
  if ((cert === undefined) !== (key === undefined)) {
    return {
      tls: null,
      problem: {
        where: cert === undefined ? "--tls-key" : "--tls-cert",
        message: "certificate and key belong together: give --tls-cert and --tls-key",
      },
    };
  }
  if (ca === undefined && listen !== undefined && cert !== undefined && key !== undefined) {
    return { tls: null, problem: null }; // It is shown to those who dial in alone.
  }
  if (ca === undefined) {
    const message = "name the authority of the daemons' certificates, too: --tls-ca FILE";
    return { tls: null, problem: cert === undefined ? null : { where: "--tls-cert", message } };
  }
  return { tls: cert === undefined || key === undefined ? { ca } : { ca, cert, key }, problem: null };
}

/** Put into command lines without a subcommand, which are the original's. */
export const ORIGINAL_SPELLING = "--original-spelling";

/** How each option is called in messages. */
export const OPTION_NAMES: Readonly<Record<keyof CommandLine, string>> = {
  client: "--client",
  port: "--port",
  test: "--test",
  testArgs: "--test-args",
  testTarget: "--test-target",
  testPort: "--test-port",
  testControllerArgs: "--test-controller-args",
  targetTest: "--target-test",
  targetTestHostname: "--target-test-hostname",
  targetTestPort: "--target-test-port",
  targetTestArgs: "--target-test-args",
  targetTestControllerArgs: "--target-test-controller-args",
  reset: "--reset",
  debug: "--debug",
  pluginDir: "--plugin-dir",
  timeout: "--timeout",
  require: "--require",
  secretFile: "--secret-file",
  requireSecret: "--require-secret",
  originalSpelling: ORIGINAL_SPELLING,
  tlsCa: "--tls-ca",
  tlsCert: "--tls-cert",
  tlsKey: "--tls-key",
  untilCi: "--until-ci",
  gate: "--gate",
  class: "--class",
  listen: "--listen",
  expect: "--expect",
  expectTargets: "--expect-targets",
  wait: "--wait",
  event: "--event",
};

/** Long options of the original's programs: an abbreviation that fits one of them alone means it. */
export const ORIGINAL_OPTIONS: Readonly<Record<"ipbench" | "ipbenchd", readonly string[]>> = {
  ipbench: [
    ...["--help", "--version", "--debug", "--client", "--port", "--test", "--test-args", "--reset"],
    ...["--test-target", "--test-port", "--target-test", "--target-test-hostname", "--target-test-port"],
    ...["--target-test-args", "--test-controller-args", "--target-test-controller-args", "--config"],
  ],
  ipbenchd: ["--help", "--version", "--ip", "--port", "--debug", "--target"],
};

/**
 * Python's argparse, which the original uses, takes any beginning of a long option that fits one alone, and `-c=VALUE`.
 *
 * @param args The command line as typed.
 * @param known The long options, with their dashes.
 * @param original Those of the original; what fits one of them alone means it, however many others it fits.
 * @returns The command line with such beginnings written out; anything else is left for the parser to judge.
 */
export function expandAbbreviations(
  args: readonly string[],
  known: readonly string[],
  original: readonly string[] = [],
): string[] {
  const end = args.indexOf("--");
  return args.map((arg, index) => {
    if (end >= 0 && index >= end) return arg;
    const short = /^(-[A-Za-z])=(.+)$/s.exec(arg);
    if (short !== null) return `${short[1]}${short[2]}`;
    if (!arg.startsWith("--")) return arg;
    const name = arg.split("=", 1)[0] ?? arg;
    if (known.includes(name)) return arg;
    for (const options of [original.filter((option) => known.includes(option)), known]) {
      const fitting = options.filter((option) => option.startsWith(name));
      if (fitting.length === 1) return fitting[0] + arg.slice(name.length);
    }
    return arg;
  });
}
