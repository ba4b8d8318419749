/**
 * The controller's halves of all tests of a run.
 *
 * @module
 */

import { type RunDescription, type TargetDescription, testsOf } from "../../config/run_description.ts";
import type { Limits } from "../limits.ts";
import { PluginHalf } from "./plugin_half.ts";
import type { Log } from "../log.ts";

/** One half for each client test, one for each target test with arguments of its own. */
export interface Halves {
  /** In the order of `testsOf`: one for a run without classes. */
  clients: PluginHalf[];
  /** By {@linkcode targetKey}. */
  targets: Map<string, PluginHalf>;
}

/** Key of a target test's controller half. */
export function targetKey(target: TargetDescription): string {
  return JSON.stringify([target.test, target.controllerArgs]);
}

/**
 * Starts a process for each half; nothing is opened yet.
 *
 * @param description the run
 * @param limits bounds of their calls and memory
 * @param log receives what they report
 */
export function makeHalves(
  description: RunDescription,
  limits: Pick<Limits, "pluginMs" | "pluginMemoryBytes">,
  log: Log,
): Halves {
  const shared = {
    pluginDirs: description.pluginDirs,
    debug: description.debug,
    originalSpelling: description.originalSpelling ?? false,
    callMs: limits.pluginMs,
    memoryBytes: limits.pluginMemoryBytes,
    log,
  };
  const clients = testsOf(description).map(({ name, test, controllerArgs }) =>
    new PluginHalf({ ...shared, test, side: "client", controllerArgs, of: name })
  );
  const targets = new Map<string, PluginHalf>();
  for (const target of description.targets) {
    const key = targetKey(target);
    if (targets.has(key)) continue;
    const { test, controllerArgs } = target;
    targets.set(key, new PluginHalf({ ...shared, test, side: "target", controllerArgs, of: "" }));
  }
  return { clients, targets };
}

/** Ends their processes. */
export async function closeHalves({ clients, targets }: Halves): Promise<void> {
  await Promise.all([...clients, ...targets.values()].map((half) => half.close()));
}
