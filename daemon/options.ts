/**
 * The command line of `ipbenchd`.
 *
 * @module
 */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { messageOf } from "../base/errors.ts";
import { type DaemonRole, MAX_JOIN_INDEX } from "../protocol/mod.ts";
import { type Cidr, isLoopback, parseCidr } from "../base/network/cidr.ts";
import { type AllowedTarget, parseAllowedTarget } from "./access/guests.ts";
import { IDLE_CONNECTION_MS, MAX_CONNECTIONS, MAX_RESULT_BYTES, MAX_TEST_MS } from "./limits.ts";

/** What the operator wants. */
export interface DaemonOptions {
  readonly role: DaemonRole;
  /** `null`: all addresses. */
  readonly ip: string | null;
  readonly port: number;
  readonly pluginDirs: readonly string[];
  readonly debug: boolean;
  /** Folders from which the wrapper tests may run programs. */
  readonly allowExec: readonly string[];
  readonly secretFile: string | null;
  /** The controller to connect to, instead of being connected to. */
  readonly join: { readonly host: string; readonly port: number } | null;
  /** With `join`: end after one run. */
  readonly once: boolean;
  /** With `join`: the number as which to take part; `null`: whichever is free. */
  readonly index: number | null;
  /** With `join`: the authority of the controller's certificate; `null`: plain TCP. */
  readonly tlsCa: string | null;
  /** Make a secret in this file, and do nothing else. */
  readonly newSecret: string | null;
  readonly allow: readonly Cidr[];
  /** What those may have tested who show no secret, beyond what is near. */
  readonly allowTarget: readonly AllowedTarget[];
  readonly tlsCert: string | null;
  readonly tlsKey: string | null;
  /** Authority of the certificates that clients have to show. */
  readonly tlsClientCa: string | null;
  readonly logFormat: "text" | "json";
  /** End after so many tests; `null`: never. */
  readonly maxRuns: number | null;
  /** End after so many milliseconds without connection and test; `null`: never. */
  readonly idleExitMs: number | null;
  /** End when standard input does. */
  readonly untilEof: boolean;
  readonly maxConnections: number;
  readonly idleTimeoutMs: number;
  readonly maxTestMs: number;
  readonly maxResultBytes: number;
  /** Longest time of a call of a plugin other than `start`, in milliseconds; `null`: each call has its own. */
  readonly callTimeoutMs: number | null;
  /** Longest data segment of a plugin's process; 0: no limit. */
  readonly childMemoryBytes: number;
}

/**
 * Whether strangers reach this daemon: it listens beyond loopback, or has dialled in there, and nobody has to prove who he
 * is.
 *
 * @param options What the operator wants.
 */
export function isOpen(options: Pick<DaemonOptions, "ip" | "secretFile" | "tlsClientCa" | "join">): boolean {
  const { secretFile, tlsClientCa, join } = options;
  const ip = join === null ? options.ip : join.host;
  return secretFile === null && tlsClientCa === null &&
    !(ip !== null && (ip === "localhost" || isLoopback(ip)));
}

/** The command line asks for nothing but a text: help, or what is wrong with it. */
export interface OptionsText {
  /** 0 for help, 2 for wrong use. */
  readonly status: 0 | 2;
  readonly text: string;
}

/** Ports when none is given. */
const DEFAULT_PORT: Readonly<Record<DaemonRole, number>> = { tester: 8036, target: 8037 };

/** Variables that name files where the command line names none, and those options. */
export const FILE_VARIABLES = {
  secretFile: "IPBENCH_SECRET_FILE",
  tlsCert: "IPBENCH_TLS_CERT",
  tlsKey: "IPBENCH_TLS_KEY",
  tlsClientCa: "IPBENCH_TLS_CLIENT_CA",
  tlsCa: "IPBENCH_TLS_CA",
} as const;

/**
 * Variables that hold a daemon's number among those that dial in, where the command line names none; the first one that is
 * set counts: an indexed Job of Kubernetes, a task of Slurm, an allocation of Nomad.
 */
export const INDEX_VARIABLES = ["JOB_COMPLETION_INDEX", "SLURM_PROCID", "NOMAD_ALLOC_INDEX"] as const;

/** Files as the environment names them. */
export type EnvironmentFiles = { readonly [Name in keyof typeof FILE_VARIABLES]?: string | undefined } & {
  /** The variable of {@linkcode INDEX_VARIABLES} that is set, and what it holds. */
  readonly index?: { readonly name: string; readonly text: string } | undefined;
};

/**
 * Reads the command line.
 *
 * @param args Without the program's name.
 * @param environment Content of {@linkcode FILE_VARIABLES}, where they are set.
 * @returns What the operator wants, or the text to show.
 */
export function parseDaemonOptions(
  args: readonly string[],
  environment: EnvironmentFiles = {},
): DaemonOptions | OptionsText {
  let text = "";
  const write = (piece: string): void => {
    text += piece;
  };
  const command = describeCommand().exitOverride().configureOutput({
    writeOut: write,
    writeErr: write,
    outputError: (problem, give) => give(problem.replace(/^error: /, "ipbenchd: ")),
  }).showHelpAfterError("(ipbenchd --help lists what there is)");
  try {
    const options = command.parse([...args], { from: "user" }).opts<OptionValues>();
    const role: DaemonRole = options.target === true ? "target" : "tester";
    const secretFile = options.secretFile ?? environment.secretFile;
    const tlsCert = options.tlsCert ?? environment.tlsCert;
    const tlsKey = options.tlsKey ?? environment.tlsKey;
    if ((tlsCert === undefined) !== (tlsKey === undefined)) {
      return {
        status: 2,
        text:
          "ipbenchd: --tls-cert and --tls-key (or IPBENCH_TLS_CERT and IPBENCH_TLS_KEY) belong together: give both\n",
      };
    }
    const join = readJoin(options, environment);
    if (typeof join === "string") return { status: 2, text: `ipbenchd: ${join}\n` };
    const tlsClientCa = options.tlsClientCa ?? environment.tlsClientCa;
    if (tlsClientCa !== undefined && tlsCert === undefined) {
      return { status: 2, text: "ipbenchd: --tls-client-ca needs TLS: give --tls-cert and --tls-key, too\n" };
    }
    const read: DaemonOptions = {
      role,
      ip: options.ip ?? null,
      port: options.port ?? DEFAULT_PORT[role],
      pluginDirs: options.pluginDir,
      debug: options.debug === true,
      allowExec: options.allowExec,
      ...join,
      newSecret: options.newSecret ?? null,
      secretFile: secretFile ?? null,
      allow: options.allow,
      allowTarget: options.allowTarget,
      tlsCert: tlsCert ?? null,
      tlsKey: tlsKey ?? null,
      tlsClientCa: tlsClientCa ?? null,
      logFormat: options.logFormat,
      maxRuns: options.maxRuns ?? null,
      idleExitMs: options.idleExit ?? null,
      untilEof: options.untilEof === true,
      maxConnections: options.maxConnections,
      idleTimeoutMs: options.idleTimeout,
      maxTestMs: options.maxTestTime,
      maxResultBytes: options.maxResult,
      callTimeoutMs: options.callTimeout ?? null,
      childMemoryBytes: options.childMemory,
    };
    if (read.allowExec.length > 0 && read.allow.length === 0 && isOpen(read)) {
      return {
        status: 2,
        text: "ipbenchd: --allow-exec would let anybody who reaches this daemon run programs here: give " +
          "--secret-file FILE (ipbenchd --new-secret FILE makes one), --tls-client-ca FILE, --allow CIDR, or " +
          "--ip 127.0.0.1\n",
      };
    }
    return read;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { status: error.exitCode === 0 ? 0 : 2, text };
  }
}

/** What is about dialling in, or what is wrong with it. */
function readJoin(
  options: OptionValues,
  environment: EnvironmentFiles,
): Pick<DaemonOptions, "join" | "once" | "index" | "tlsCa"> | string {
  const { join = null, once = false } = options;
  if (join === null) {
    const stray = once
      ? "--once"
      : options.index !== undefined
      ? "--index"
      : options.tlsCa
      ? "--tls-ca"
      : null;
    if (stray !== null) return `${stray} is for daemons that dial in: give --join HOST:PORT, too`;
    return { join, once, index: null, tlsCa: null };
  }
  const listening = {
    ...{ "--ip": options.ip, "--port": options.port, "--tls-cert": options.tlsCert },
    ...{ "--tls-key": options.tlsKey, "--tls-client-ca": options.tlsClientCa },
    "--allow": options.allow.length > 0 ? options.allow : undefined,
  };
  for (const [name, value] of Object.entries(listening)) {
    if (value !== undefined) {
      return `${name} is for daemons that listen; with --join nobody connects to this one`;
    }
  }
  const { index: variable } = environment;
  if (options.index === undefined && variable !== undefined && !/^\d{1,6}$/.test(variable.text)) {
    const known = JSON.stringify(variable.text.slice(0, 40));
    return `${variable.name}=${known} is no number of a daemon; --index N gives one`;
  }
  return {
    join,
    once,
    index: options.index ?? (variable === undefined ? null : Number(variable.text)),
    tlsCa: options.tlsCa ?? environment.tlsCa ?? null,
  };
}

/** The options as commander gives them. */
interface OptionValues extends
  Pick<
    DaemonOptions,
    "allowExec" | "allow" | "allowTarget" | "logFormat" | "maxConnections"
  > {
  ip?: string;
  port?: number;
  target?: true;
  pluginDir: string[];
  debug?: true;
  version?: true;
  join?: DaemonOptions["join"];
  once?: true;
  index?: number;
  tlsCa?: string;
  secretFile?: string;
  newSecret?: string;
  tlsCert?: string;
  tlsKey?: string;
  tlsClientCa?: string;
  maxRuns?: number;
  idleExit?: number;
  untilEof?: true;
  idleTimeout: number;
  maxTestTime: number;
  callTimeout?: number;
  maxResult: number;
  childMemory: number;
}

/** The command line as data: what it is parsed with, and what completions and the manual page are made of. */
export function describeCommand(): Command {
  return new Command("ipbenchd")
    .description("Runs the tests of ipbench on this machine, as a tester or, with --target, as a target.")
    .allowExcessArguments(false)
    .helpOption("-h, --help", "show this help")
    .option("-i, --ip <address>", "listen on this address only (default: all, IPv6 and IPv4)")
    .option(
      "-p, --port <number>",
      "port; 0: any free one (default: 8036, with --target 8037)",
      whole(0, 65535),
    )
    .option("-t, --target", "be a target daemon")
    .addOption(
      new Option("--plugin-dir <dir>", "look for plugins here first; repeatable").argParser(collect).default(
        [],
        "none",
      ),
    )
    .option(
      "--join <host:port>",
      "connect to a controller that listens (ipbench run --listen) instead of listening",
      controllerAddress,
    )
    .option("--once", "with --join: end after one run")
    .option(
      "--index <n>",
      `with --join: take part as number N, from 0 (default: $${
        INDEX_VARIABLES.join(", $")
      }, or any that is free)`,
      whole(0, MAX_JOIN_INDEX),
    )
    .option(
      "--tls-ca <file>",
      "with --join: speak TLS, and trust this authority of the controller's certificate (PEM; default: $IPBENCH_TLS_CA)",
    )
    .option("-d, --debug", "log what happens in detail")
    .option("--version", "print the version")
    .addOption(
      new Option("--allow-exec <dir>", "let wrapper tests run programs of this folder; repeatable").argParser(
        collect,
      ).default([], "none"),
    )
    .option("--secret-file <file>", "ask for the secret in this file (default: $IPBENCH_SECRET_FILE)")
    .option("--new-secret <file>", "make a secret in this new file, which only its owner can read, and end")
    .addOption(
      new Option("--allow <cidr>", "let these addresses connect and no others; repeatable").argParser(
        collectCidr,
      ).default([], "none"),
    )
    .addOption(
      new Option(
        "--allow-target <cidr>",
        "without a secret: let tests send there, too, besides private networks, own links and the controller; also a " +
          "MAC address; repeatable",
      ).argParser(collectTarget).default([], "none"),
    )
    .option("--tls-cert <file>", "speak TLS with this certificate (PEM; default: $IPBENCH_TLS_CERT)")
    .option("--tls-key <file>", "its key (PEM; default: $IPBENCH_TLS_KEY)")
    .option(
      "--tls-client-ca <file>",
      "with TLS: serve only clients that show a certificate of this authority (PEM; default: $IPBENCH_TLS_CLIENT_CA)",
    )
    .option("--log-format <form>", "text or json", oneOf(["text", "json"]), "text")
    .option("--max-runs <n>", "end after so many tests (default: never)", whole(1, 1e9))
    .option("--idle-exit <seconds>", "end after so long without a connection (default: never)", seconds)
    .option(
      "--until-eof",
      "end when standard input does, as when the program or the ssh that started it is gone",
    )
    .option("--max-connections <n>", "connections at once", whole(1, 65536), MAX_CONNECTIONS)
    .addOption(
      new Option("--idle-timeout <seconds>", "close a connection that is silent so long")
        .argParser(seconds).default(IDLE_CONNECTION_MS, String(IDLE_CONNECTION_MS / 1000)),
    )
    .addOption(
      new Option("--max-test-time <seconds>", "end a test that takes longer")
        .argParser(seconds).default(MAX_TEST_MS, String(MAX_TEST_MS / 1000)),
    )
    .option(
      "--call-timeout <seconds>",
      "end a test whose LOAD, SETUP, STOP or result takes longer (default: 20, 60, 10, 30)",
      seconds,
    )
    .option("--max-result <bytes>", "largest result of a test", whole(1, MAX_RESULT_BYTES), MAX_RESULT_BYTES)
    .option(
      "--child-memory <bytes>",
      "largest data segment of a test's process; 0: no limit",
      whole(0, 2 ** 50),
      0,
    );
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : -1;
    if (value < min || value > max) {
      throw new InvalidArgumentError(`Expected a whole number, ${min} to ${max}.`);
    }
    return value;
  };
}

function controllerAddress(text: string): DaemonOptions["join"] {
  const found = /^(?:\[([0-9A-Fa-f:.%]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3] ?? 0);
  if (found === null || port < 1 || port > 65535) {
    throw new InvalidArgumentError("Expected HOST:PORT, such as controller:8038 or [fd00::7]:8038.");
  }
  return { host: (found[1] ?? found[2])!, port };
}

function seconds(text: string): number {
  const value = /^[0-9]{1,9}(\.[0-9]{1,3})?$/.test(text) ? Number(text) : 0;
  if (value <= 0) throw new InvalidArgumentError("Expected seconds, more than 0.");
  return value * 1000;
}

function oneOf<T extends string>(values: readonly T[]): (text: string) => T {
  return (text) => {
    const value = values.find((each) => each === text);
    if (value === undefined) throw new InvalidArgumentError(`Expected ${values.join(" or ")}.`);
    return value;
  };
}

function collect(text: string, before: string[]): string[] {
  return [...before, text];
}

function collectCidr(text: string, before: Cidr[]): Cidr[] {
  return [...before, asArgument(() => parseCidr(text))];
}

function collectTarget(text: string, before: AllowedTarget[]): AllowedTarget[] {
  return [...before, asArgument(() => parseAllowedTarget(text))];
}

function asArgument<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}
