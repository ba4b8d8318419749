/**
 * `ipbench plugin new` and `ipbench plugin check`: for authors of plugins.
 *
 * @module
 */

import type { Command } from "@commander-js/extra-typings";
import { embedded } from "../ffi/embedded.ts";
import { type PluginCheck, PluginError, PluginHost } from "../ffi/mod.ts";
import { EXIT, ExitError } from "./exit.ts";
import { note, out } from "./io.ts";
import { findingsOf, prepareSanitizer, type Sanitizer } from "./sanitizer.ts";

const NAME = /^[a-z][a-z0-9_-]{0,63}$/;

/** @param program the program that gets the subcommand */
export function register(program: Command): void {
  const plugin = program.command("plugin").description("start a new plugin, or check one");
  plugin.command("new")
    .description("write a folder with a new plugin, which builds with make alone")
    .argument("<name>", "its name: small letters, digits, _ and -; also the folder's name")
    .option("--client", "a test that a tester runs")
    .option("--target", "a test that a target daemon runs")
    .action(async (name, options) => {
      if ((options.client === true) === (options.target === true)) {
        throw new ExitError(EXIT.USAGE, "give one of --client and --target");
      }
      await writePlugin(name, options.target === true ? "target" : "client");
    });
  plugin.command("check")
    .description("open a plugin in a process of its own and examine it")
    .argument("<file>", "the shared object, such as ./mine.so")
    .option("-d, --debug", "tell the plugin that debug lines are wanted")
    .action(async (file, options) => {
      await checkPlugin(file, options.debug === true);
    });
}

async function writePlugin(name: string, side: "client" | "target"): Promise<void> {
  if (!NAME.test(name)) {
    throw new ExitError(EXIT.USAGE, `${name} is no name for a plugin: use small letters, digits, _ and -`);
  }
  const old = side === "client" ? "dummy" : "dummy_target";
  const { templates } = embedded();
  const source = await templates.get(`${old}/${old}.c`)!();
  const header = await templates.get("include/plugin.h")!();
  try {
    await Deno.mkdir(name);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new ExitError(EXIT.FAILED, `${name} exists already: choose another name or folder`, {
        cause: error,
      });
    }
    throw error;
  }
  await Deno.writeTextFile(`${name}/plugin.h`, header);
  await Deno.writeTextFile(`${name}/${name}.c`, rename(source, old, name));
  await Deno.writeTextFile(`${name}/Makefile`, makefile(name));
  const run = side === "client" ? `--test ${name}` : `--target-test ${name}`;
  note(`wrote ${name}/: plugin.h, ${name}.c and Makefile. Next:`);
  note(`  make -C ${name} && ipbench plugin check ${name}/${name}.so`);
  note(`  then start daemon and controller with --plugin-dir ${name}, and run with ${run}`);
}

/** The template under another name, without the words that it prints itself; C's identifiers cannot hold a `-`. */
export function rename(source: string, old: string, name: string): string {
  const identifier = name.replaceAll("-", "_");
  return source
    .replace(`${old.replace("_", " ").toUpperCase()} RETURNED: `, "")
    .replaceAll(new RegExp(`\\b${old}_`, "g"), `${identifier}_`)
    .replaceAll(new RegExp(`\\b${old}\\b`, "g"), name);
}

function makefile(name: string): string {
  return `# Builds ${name}.so. "make SANITIZE=1" builds it with AddressSanitizer, for "ipbench plugin check".
CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu11 -fPIC -fvisibility=hidden -Wall -Wextra
ifdef SANITIZE
override CFLAGS += -fsanitize=address,undefined -fno-omit-frame-pointer
endif

${name}.so: $(wildcard *.c) plugin.h Makefile
\t$(CC) $(CPPFLAGS) $(CFLAGS) -shared $(LDFLAGS) -o $@ $(filter %.c,$^) $(LDLIBS)

clean:
\trm -f ${name}.so
.PHONY: clean
`;
}

async function checkPlugin(file: string, debug: boolean): Promise<void> {
  const path = await Deno.realPath(file).catch((cause) => {
    throw new ExitError(EXIT.FAILED, `${file} cannot be read: ${cause.message}`, { cause });
  });
  const sanitizer = await prepareSanitizer(path);
  try {
    const { info, findings } = await examine(path, debug, sanitizer);
    if (sanitizer !== null) {
      const leaks = await findingsOf(sanitizer);
      for (const line of leaks) note(line);
      findings.push({
        ok: leaks.length === 0,
        text: leaks.length === 0 ? "no leaks" : "it leaks memory, see above",
      });
    }
    out(`${file}: ${info.name}, ${info.side} test, ${info.descr}\n`);
    for (const { ok, text } of findings) out(`${ok ? "ok   " : "WRONG"}  ${text}\n`);
    const wrong = findings.filter(({ ok }) => !ok).length;
    if (wrong > 0) {
      throw new ExitError(EXIT.FAILED, `${file}: ${wrong === 1 ? "1 fault" : `${wrong} faults`}`);
    }
  } finally {
    if (sanitizer !== null) await Deno.remove(sanitizer.folder, { recursive: true });
  }
}

async function examine(path: string, debug: boolean, sanitizer: Sanitizer | null): Promise<PluginCheck> {
  const log = (_level: string, text: string) => note(text);
  const env = sanitizer === null ? {} : { env: sanitizer.env };
  const host = PluginHost.spawn({ pluginDirs: [], debug, log, ...env });
  try {
    const check = await host.check(path);
    await host.quit();
    return check;
  } catch (error) {
    if (error instanceof PluginError) throw new ExitError(EXIT.FAILED, error.message, { cause: error });
    throw error;
  } finally {
    await host.kill();
  }
}
