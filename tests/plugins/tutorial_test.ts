/**
 * The tutorial for authors of plugins does what it says: its files are written and its commands are run, in order.
 *
 * A line `<!-- file: NAME -->` above a block makes it that file; `<!-- run -->` before a `sh` block runs it, and
 * `<!-- run: prints … -->` says what comes on standard output.
 *
 * @module
 */
import assert from "node:assert/strict";
import { deadline, projectRoot } from "../util/mod.ts";

const BLOCK_MS = 120_000;

interface Block {
  kind: "file" | "run";
  /** Name of the file, or what the commands print. */
  about: string;
  text: string;
}

function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  for (const [, mark, text] of page.matchAll(/<!-- (.*?) -->\n+```\w+\n([^]*?)```/g)) {
    const [kind, about = ""] = mark!.split(/: (.*)/);
    assert.ok(kind === "file" || kind === "run", mark);
    blocks.push({ kind, about, text: text! });
  }
  return blocks;
}

function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = listeners.map((listener) => listener.addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}

function checkOutput(about: string, stdout: string): void {
  const quoted = [...about.matchAll(/"(.*?)"/g)].map(([, text]) => text!);
  if (quoted.length > 0) assert.equal(stdout, quoted.join("\n") + "\n");
  else if (about === "prints a number") assert.match(stdout, /^\d+\n$/);
  else if (about === "prints nothing") assert.equal(stdout, "");
  else assert.equal(about, "", `the mark "${about}" is not understood`);
}

Deno.test("docs/plugins.md: every command and source works", async (t) => {
  const root = projectRoot();
  const folder = await Deno.makeTempDir({ prefix: "ipbench-tutorial-" });
  const blocks = blocksOf(await Deno.readTextFile(`${root}/docs/plugins.md`));
  assert.ok(blocks.length >= 7, "the page has blocks to execute");
  try {
    for (const [number, { kind, about, text }] of blocks.entries()) {
      const [first, second] = freePorts(2);
      await t.step(`${number + 1}: ${kind} ${about}`, async () => {
        if (kind === "file") {
          await Deno.mkdir(`${folder}/${about}`.replace(/\/[^/]*$/, ""), { recursive: true });
          await Deno.writeTextFile(`${folder}/${about}`, text);
          return;
        }
        const script = text.replaceAll("18136", String(first)).replaceAll("18137", String(second));
        const shell = new Deno.Command("sh", {
          args: ["-e", "-c", script],
          cwd: folder,
          env: { PATH: `${root}/dist:${Deno.env.get("PATH") ?? ""}`, NO_COLOR: "1" },
          stdin: "null",
          stdout: "piped",
          stderr: "piped",
        }).output();
        const { code, stdout, stderr } = await deadline("the block ends", BLOCK_MS, shell);
        const told = new TextDecoder().decode(stderr);
        const log = await Deno.readTextFile(`${folder}/daemon.log`).catch(() => "");
        assert.equal(code, 0, `${script}\n${told}\n${log}`);
        checkOutput(about, new TextDecoder().decode(stdout));
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
