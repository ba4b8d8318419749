/**
 * How this program starts itself again, and what it is.
 *
 * Environment variables of the launcher have where it and the bundle are; they are read once and removed, so that
 * no program started from here takes them for its own.
 *
 * @module
 */

import { isGranted } from "../granted.ts";
import { INTERFACE_MAJOR, INTERFACE_MINOR, VERSION } from "./version.ts";

/** First argument that makes the program host a plugin instead of doing its usual work. */
export const PLUGIN_HOST_ARGUMENT = "__plugin-host";

/** First argument that makes the program be the daemon, under whatever name it was started. */
export const DAEMON_ARGUMENT = "__daemon";

/** A command that starts this program. */
export interface SelfCommand {
  path: string;
  args: string[];
  /** Variables to add to the environment. */
  env: Record<string, string>;
}

/** What `--version` prints. */
export interface BuildInfo {
  version: string;
  kind: "deno-compile" | "launcher" | "source";
  /** Version of the runtime. */
  deno: string;
  /** Version of the plugin interface. */
  interface: string;
  platform: string;
}

const VARIABLES = {
  /** Path of the launcher's file. */
  self: "IPBENCH_LAUNCHER",
  /** Path at which the runtime finds its main module: `/proc/self/fd/N`, or a file in a private cache folder. */
  loader: "IPBENCH_LAUNCHER_LOADER",
  /** The same of the file that holds the bundle, which the loader loads. */
  bundle: "IPBENCH_LAUNCHER_BUNDLE",
  /** Where in that file the bundle begins, in bytes. */
  offset: "IPBENCH_LAUNCHER_OFFSET",
  /** Arguments of the runtime before the loader, separated by spaces; "" where it is executed in the launcher's file. */
  run: "IPBENCH_LAUNCHER_RUN",
  /** Name under which the launcher was started, the last part of its path. */
  program: "IPBENCH_LAUNCHER_NAME",
  /** "yes" when the file that was started gives more than its user has (AT_SECURE), such as after setcap. */
  secure: "IPBENCH_LAUNCHER_SECURE",
} as const;

/** Settings of the runtime that the launcher makes and that nothing else started from here shall inherit. */
const RUNTIME_SETTINGS = {
  DENO_DIR: "/dev/null",
  DENO_LOG: "error,deno::cache=off",
  DENO_NO_PACKAGE_JSON: "1",
  DENO_NO_UPDATE_CHECK: "1",
} as const;

type Launcher = Record<keyof typeof VARIABLES, string>;

const launcher = readLauncher();

function readLauncher(): Launcher | null {
  if (!isGranted({ name: "env" })) return null; // a library user without --allow-env
  const entries = Object.entries(VARIABLES).map(([key, name]) => [key, Deno.env.get(name)] as const);
  for (const name of Object.values(VARIABLES)) Deno.env.delete(name);
  if (entries.some(([, value]) => value === undefined)) return null;
  for (const name of Object.keys(RUNTIME_SETTINGS)) Deno.env.delete(name);
  return Object.fromEntries(entries) as Launcher;
}

function isStandalone(): boolean {
  return (Deno.build as { standalone?: boolean }).standalone === true;
}

/**
 * @param extraArgs arguments of the new process, such as `["__plugin-host"]`
 * @returns the command that starts this same program again: the compiled binary, the launcher (its runtime
 * and bundle alone where those were copied out of it), or `deno run` on the sources
 */
export function selfCommand(extraArgs: string[]): SelfCommand {
  if (launcher?.run === "") return { path: "/proc/self/exe", args: extraArgs, env: {} };
  if (launcher !== null) {
    const env: Record<string, string> = { ...RUNTIME_SETTINGS };
    for (const [key, name] of Object.entries(VARIABLES)) env[name] = launcher[key as keyof Launcher];
    return { path: "/proc/self/exe", args: [...launcher.run.split(" "), launcher.loader, ...extraArgs], env };
  }
  if (isStandalone()) return { path: Deno.execPath(), args: extraArgs, env: {} };
  const entry = new URL("../../cli/main.ts", import.meta.url);
  const args = ["run", "--allow-all", "--no-prompt", "--quiet", "--no-check"];
  return {
    path: Deno.execPath(),
    args: [...args, decodeURIComponent(entry.pathname), ...extraArgs],
    env: {},
  };
}

/**
 * @returns the file that a person would start, copy or install: the launcher, the compiled binary, or `null` when the
 * program runs from its sources
 */
export function selfPath(): string | null {
  if (launcher !== null) return launcher.self;
  return isStandalone() ? Deno.execPath() : null;
}

/**
 * @returns whether this program has been given more than its user has, by `setcap` or a set-user-id bit: then what the
 * user names must not run in it
 */
export function isRaised(): boolean {
  if (launcher !== null) return launcher.secure === "yes";
  return isStandalone() && isSecureExecution();
}

/** AT_SECURE of this process. */
function isSecureExecution(): boolean {
  try {
    const words = new BigUint64Array(Deno.readFileSync("/proc/self/auxv").buffer);
    return words.some((word, index) => index % 2 === 0 && word === AT_SECURE && words[index + 1] !== 0n);
  } catch {
    return true; // Only a process that is raised cannot read its own.
  }
}

const AT_SECURE = 23n;

/**
 * @returns which of the two programs was started, by the name of the file: "ipbenchd" (also "ipbenchd-1.0" and the
 * like) is the daemon, every other name the controller
 */
export function programName(): "ipbench" | "ipbenchd" {
  const path = launcher !== null ? launcher.program : isStandalone() ? Deno.execPath() : "";
  return /(^|\/)ipbenchd[^/]*$/.test(path) ? "ipbenchd" : "ipbench";
}

/**
 * @returns version, kind of build, runtime, plugin interface and platform
 */
export function buildInfo(): BuildInfo {
  const kind = launcher !== null ? "launcher" : isStandalone() ? "deno-compile" : "source";
  return {
    version: VERSION,
    kind,
    deno: Deno.version.deno,
    interface: `${INTERFACE_MAJOR}.${INTERFACE_MINOR}`,
    platform: `${Deno.build.os}-${Deno.build.arch}`,
  };
}
