/**
 * `ipbench plugin new` and `ipbench plugin check`: for authors of plugins.
 *
 * @module
 */

import type { Command } from "commander";
import { embedded } from "../../ffi/self/embedded.ts";
import { parseAddress } from "../../config/address.ts";
import { EXIT, ExitError } from "../exit.ts";
import { reasonOf } from "../input/read_bytes.ts";
import { writeWhole } from "../result_files.ts";
import { note } from "../terminal/io.ts";
import { checkPlugin } from "../plugin_check/plugin_check.ts";

const CHECK_HELP = `
The test really runs here, for two seconds at most, against 127.0.0.1 unless
--target names another host. Its half on the controller then reads and prints
the result, whole and damaged, and random bytes. A plugin written for the
original is run with --args only.

Examples:
  ipbench plugin check ./mine.so
  ipbench plugin check ./mine.so --args bps=10M,duration=1 --target 10.0.0.9:7

Exit status: 0 nothing is wrong, 1 it has faults or is no plugin, 2 wrong use.
`;

const NAME = /^[a-z][a-z0-9_-]{0,63}$/;

/** @param program the program that gets the subcommand */
export function register(program: Command): void {
  const plugin = program.command("plugin").description("start a new plugin, or check one");
  plugin.command("new")
    .description("write a folder with a new plugin, which builds with make alone")
    .argument("<name>", "its name: small letters, digits, _ and -; also the folder's name")
    .option("--client", "a test that a tester runs")
    .option("--target", "a test that a target daemon runs")
    .action(async (name: string, options: { client?: true; target?: true }) => {
      if ((options.client === true) === (options.target === true)) {
        throw new ExitError(EXIT.USAGE, "give one of --client and --target");
      }
      await writePlugin(name, options.target === true ? "target" : "client");
    });
  plugin.command("check")
    .description("run a plugin in a process of its own and examine what each of its functions gives")
    .argument("<file>", "the shared object, such as ./mine.so")
    .option("--args <args>", "the test's arguments, as --test-args of a run (default: none)")
    .option("--target <host[:port]>", "the machine under test (default: 127.0.0.1, the plugin's own port)")
    .option("-d, --debug", "tell the plugin that debug lines are wanted")
    .addHelpText("after", CHECK_HELP)
    .action(async (file: string, options: { args?: string; target?: string; debug?: true }) => {
      const { args, debug = false } = options;
      const target = options.target === undefined ? null : parseAddress(options.target, 0);
      if (typeof target === "string") throw new ExitError(EXIT.USAGE, `--target: ${target}`);
      await checkPlugin(file, { ...(args === undefined ? {} : { args }), target, debug: debug === true });
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
    throw new ExitError(EXIT.FAILED, `cannot make the folder ${name}: ${reasonOf(error)}`, { cause: error });
  }
  await writeWhole(`${name}/plugin.h`, header);
  await writeWhole(`${name}/${name}.c`, rename(source, old, name));
  await writeWhole(`${name}/Makefile`, makefile(name));
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
