/**
 * How this program starts itself again, and what it is.
 *
 * The launcher tells through environment variables where it and the bundle are; they are read once and removed, so that
 * no program started from here takes them for its own.
 *
 * @module
 */

import { INTERFACE_MAJOR, INTERFACE_MINOR, VERSION } from "./version.ts";

/** First argument that makes the program host a plugin instead of doing its usual work. */
export const PLUGIN_HOST_ARGUMENT = "__plugin-host";

/** A command that starts this program. */
export interface SelfCommand {
  path: string;
  args: string[];
  /** Variables to add to the environment. */
  env: Record<string, string>;
}

/** What `--version` says. */
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
  /** Path at which the runtime finds the bundle: `/proc/self/fd/N`, or a file in a private cache folder. */
  bundle: "IPBENCH_LAUNCHER_BUNDLE",
  /** Arguments of the runtime before the bundle, separated by spaces. */
  run: "IPBENCH_LAUNCHER_RUN",
  /** Name under which the launcher was started, the last part of its path. */
  program: "IPBENCH_LAUNCHER_NAME",
} as const;

interface Launcher {
  self: string;
  bundle: string;
  run: string[];
  program: string;
}

const launcher = readLauncher();

function readLauncher(): Launcher | null {
  try {
    const self = Deno.env.get(VARIABLES.self);
    const bundle = Deno.env.get(VARIABLES.bundle);
    const run = Deno.env.get(VARIABLES.run);
    const program = Deno.env.get(VARIABLES.program) ?? "ipbench";
    for (const name of Object.values(VARIABLES)) Deno.env.delete(name);
    if (self === undefined || bundle === undefined || run === undefined) return null;
    return { self, bundle, run: run.split(" "), program };
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return null; // a library user without --allow-env
    throw error;
  }
}

function isStandalone(): boolean {
  return (Deno.build as { standalone?: boolean }).standalone === true;
}

/**
 * @param extraArgs arguments of the new process, such as `["__plugin-host"]`
 * @returns the command that starts this same program again: the compiled binary, the launcher's runtime and bundle
 * without the launcher, or `deno run` on the sources
 */
export function selfCommand(extraArgs: string[]): SelfCommand {
  if (launcher !== null) {
    return {
      path: "/proc/self/exe",
      args: [...launcher.run, launcher.bundle, ...extraArgs],
      env: {
        [VARIABLES.self]: launcher.self,
        [VARIABLES.bundle]: launcher.bundle,
        [VARIABLES.run]: launcher.run.join(" "),
        [VARIABLES.program]: launcher.program,
      },
    };
  }
  if (isStandalone()) return { path: Deno.execPath(), args: extraArgs, env: {} };
  const entry = new URL("../cli/main.ts", import.meta.url);
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
