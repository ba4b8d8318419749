import assert from "node:assert/strict";
import type { CommandInfo } from "./command_tree.ts";
import { CONTROLLER_PAGE, manualPage } from "./manual_page.ts";
import type { Completed } from "./completion_offers.ts";
import { completionScript, SHELLS } from "./shell_completions.ts";

/** Descriptions that would be instructions, were they not quoted. */
const NASTY = `it's "$(touch /x)" \`id\` \\ [a]:b`;

const ROOT: CommandInfo = {
  name: "ipbench",
  description: NASTY,
  usage: "",
  options: [],
  arguments: [],
  commands: [{
    name: "run",
    description: NASTY,
    usage: "",
    options: [{
      flags: "-j, --json <file>",
      short: "-j",
      long: "--json",
      description: NASTY,
      takesValue: true,
      variadic: false,
      value: "file",
      choices: [],
      group: "",
    }, {
      flags: "--metric <names...>",
      short: null,
      long: "--metric",
      description: NASTY,
      takesValue: true,
      variadic: true,
      value: "other",
      choices: [],
      group: "",
    }],
    arguments: [],
    commands: [],
    after: ".SH not an instruction",
  }],
  after: "",
};

const COMPLETED: Completed = {
  controller: ROOT,
  daemon: ROOT.commands[0]!,
  tests: ["latency"],
  args: ["bps"],
  words: { "--metric": ["p99"] },
};

Deno.test("texts stand inside single quotes and cannot leave them", () => {
  for (const shell of SHELLS) {
    for (
      const line of completionScript(shell, COMPLETED).split(
        "\n",
      )
    ) {
      if (!line.includes("touch")) continue;
      const outside = line.replace(/'[^']*'/g, "");
      assert.ok(!/[`\\]|touch|\$\(/.test(outside.replace(/ \\$/, "")), `${shell}: ${line}`);
    }
  }
});

Deno.test("no text of the manual page is an instruction to man", () => {
  const page = manualPage(ROOT, CONTROLLER_PAGE, "1.0.0");
  assert.match(page, /^\\&\.SH not an instruction$/m);
  assert.match(page, /\\e \[a\]:b/);
});
