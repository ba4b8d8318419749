/** The manual pages: what is in them, and that man sets them without a word of its own. */
import assert from "node:assert/strict";
import { isInstalled, runProgram } from "../util/mod.ts";

const PAGES = [["ipbench", "--target-test-hostname"], ["ipbenchd", "--secret-file"]] as const;
const SECTIONS = [
  ...["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES"],
  "SEE ALSO",
];

async function pageOf(name: string): Promise<string> {
  const { code, stdout } = await runProgram("ipbench", ["man", name]);
  assert.equal(code, 0);
  return stdout;
}

Deno.test("both manual pages have what a manual page has, and ipbench's every command", async () => {
  for (const [name] of PAGES) {
    const sections = Array.from((await pageOf(name)).matchAll(/^\.SH (.*)$/gm), ([, title]) => title);
    for (const title of SECTIONS) assert.ok(sections.includes(title), `${name}: ${title}`);
  }
  const page = await pageOf("ipbench");
  for (const command of ["run", "status", "deploy", "sweep", "plugin check"]) {
    assert.match(page, new RegExp(`^\\.SS "ipbench ${command} `, "m"));
  }
});

for (const [name, option] of PAGES) {
  const ignore = !isInstalled("man");
  Deno.test({ name: `man sets the page of ${name} without a warning (man)`, ignore }, async () => {
    const child = new Deno.Command("man", {
      args: ["--warnings", "-l", "-"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      env: { LC_ALL: "C.UTF-8", MANWIDTH: "80" },
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(await pageOf(name)));
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert.deepEqual([code, decode(stderr)], [0, ""]);
    assert.ok(decode(stdout).includes(option));
  });
}
