/**
 * A target's plugin by hand, until Ctrl-C: the same that a target daemon runs, hosted in a child.
 *
 * @module
 */

import { EXIT, ExitError } from "./exit.ts";
import { catchInterruption } from "./signals.ts";
import { note } from "./terminal/io.ts";

/** What to host. */
export interface HostedTarget {
  /** Before each line on stderr: "ipbench echo". */
  label: string;
  plugin: string;
  args: string;
  /** Options by the arguments that they became, where the names differ. */
  named?: Readonly<Record<string, string>>;
  /** What it does, for the line that reports that it is ready. */
  ready: string;
  pluginDirs: string[];
  debug: boolean;
}

/**
 * Runs it; at the end its row, with the names of its columns, goes to stderr.
 *
 * @param target What to host.
 * @throws {ExitError} When it cannot start, or ends by itself.
 */
export async function hostTarget(target: HostedTarget): Promise<void> {
  const { PluginError, PluginHost } = await import("../ffi/mod.ts");
  using interruption = catchInterruption(() => {});
  const host = PluginHost.spawn({
    pluginDirs: target.pluginDirs,
    debug: target.debug,
    log: (level, message) => {
      if (level !== "debug" || target.debug) note(`${target.label}: ${message}`);
    },
  });
  try {
    const { csvHeader } = await host.load(target.plugin, "target");
    await host.setup({ args: target.args, form: 0, runId: 0n, flowBase: 0 });
    const started = host.start({});
    note(`${target.label}: ready (${target.ready})`);
    const ended = await Promise.race([started, aborted(interruption.signal)]);
    if (ended !== null) throw new ExitError(EXIT.FAILED, ended.error ?? `${target.plugin} ended by itself`);
    await host.stop();
    await started;
    const { valid, data } = await host.marshall();
    await host.unmarshall(0, valid, data);
    note(`${target.label}: ${labelled(csvHeader, (await host.output()).trim())}`);
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    const { text, isUse } = inOptions(error.message, target.named ?? {});
    throw new ExitError(isUse ? EXIT.USAGE : EXIT.FAILED, text, { cause: error });
  } finally {
    await host.kill();
  }
}

/** What a plugin objects to in its arguments, by the options that the user typed. */
function inOptions(
  message: string,
  named: Readonly<Record<string, string>>,
): { text: string; isUse: boolean } {
  const lines = message.split("\n");
  const text = lines.map((line) =>
    line.replace(/^argument (\w+): /, (_, name: string) => `--${named[name] ?? name}: `)
  );
  return { text: text.join("\n"), isUse: lines.every((line, n) => line !== text[n]) };
}

/** The plugin's row with the names of its columns: "Packets 12, Bytes 768". */
function labelled(header: string | null, row: string): string {
  const names = header?.split(",") ?? [];
  return row.split(",").map((value, i) => names[i] === undefined ? value : `${names[i]} ${value}`).join(", ");
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    signal.addEventListener("abort", () => resolve(null), { once: true });
  });
}
