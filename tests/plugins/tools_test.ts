/**
 * `ipbench plugins`, `ipbench plugin new` and `ipbench plugin check`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { projectRoot, runProgram } from "../util/mod.ts";

const FIXTURES = `${projectRoot()}/build/fixtures`;

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-plugin-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function make(folder: string, args: string[] = []): Promise<void> {
  const { success, stderr } = await new Deno.Command("make", { args: ["-B", "-C", folder, ...args] })
    .output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

Deno.test("plugins: every plugin with side, version and origin; one with its arguments", async () => {
  const all = await runProgram("ipbench", ["plugins"]);
  assert.equal(all.code, 0, all.stderr);
  assert.match(all.stdout, /^NAME +SIDE +VERSION +FROM +DESCRIPTION\n/);
  for (const name of ["latency", "latency-check", "dummy"]) {
    assert.match(all.stdout, new RegExp(`^${name} +client +\\d+\\.\\d+\\.\\d+ +\\S+ +\\S`, "m"));
  }
  for (const name of ["cpu_target", "cpu_target_lukem", "echo", "dummy_target"]) {
    assert.match(all.stdout, new RegExp(`^${name} +target `, "m"));
  }
  const one = await runProgram("ipbench", ["plugins", "dummy"]);
  assert.match(one.stdout, /^dummy: client test, version 1\.0\.0/);
  assert.match(
    one.stdout,
    /^ {2}seconds {2}float in s, 0\.\.3600, default 5\n {11}How long the test takes\.$/m,
  );
});

Deno.test("plugins: no line of any plugin's is wider than 80 columns where there is no terminal", async () => {
  const { stdout } = await runProgram("ipbench", ["plugins", "--json"]);
  const plugins: { name: string; options: { name: string; help: string }[] }[] = JSON.parse(stdout);
  assert.ok(plugins.length > 15);
  for (const { name, options } of plugins) {
    const shown = (await runProgram("ipbench", ["plugins", name])).stdout;
    assert.deepEqual(shown.split("\n").filter((line) => line.length > 80), [], name);
    const text = shown.replaceAll(/\s+/g, " ");
    for (const option of options) {
      assert.ok(text.includes(` ${option.name} `) && text.includes(option.help), option.name);
    }
  }
});

Deno.test("plugins: an unknown name is an error that says which there are; JSON for programs", async () => {
  const unknown = await runProgram("ipbench", ["plugins", "nothing"]);
  assert.deepEqual([unknown.code, unknown.stdout], [1, ""]);
  assert.match(unknown.stderr, /^ipbench: no plugin is named nothing; known: .*dummy/m);
  const json = await runProgram("ipbench", ["plugins", "dummy", "--json"]);
  assert.equal(JSON.parse(json.stdout)[0].options[0].name, "seconds");
});

Deno.test("plugins: links to one file are one plugin; type 0 of an original says nothing of the side", async () => {
  await inFolder(async (folder) => {
    await Deno.copyFile(`${FIXTURES}/old_target.so`, `${folder}/libold.so.0.0.0`);
    await Deno.symlink("libold.so.0.0.0", `${folder}/libold.so.0`);
    await Deno.symlink("libold.so.0.0.0", `${folder}/libold.so`);
    await Deno.link(`${folder}/libold.so.0.0.0`, `${folder}/hard.so`);
    const { code, stdout, stderr } = await runProgram("ipbench", ["plugins", "--plugin-dir", folder]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, new RegExp(`^old_target +client or target +- +${folder}/hard.so `, "m"));
    assert.equal(stdout.match(/^old_target /gm)?.length, 1);
  });
});

Deno.test("plugins: of two with one name the first wins, with a warning", async () => {
  await inFolder(async (folder) => {
    await Deno.copyFile(`${projectRoot()}/build/plugins/dummy.so`, `${folder}/mine.so`);
    const { stdout, stderr } = await runProgram("ipbench", ["plugins", "--plugin-dir", folder]);
    assert.match(stdout, new RegExp(`^dummy +client +\\S+ +${folder}/mine.so `, "m"));
    assert.match(stderr, /warning: two plugins are named dummy: .*mine\.so is used, embedded is not/);
    const { stdout: byPath } = await runProgram("ipbench", ["plugins"], {
      env: { IPBENCH_PLUGIN_PATH: folder },
    });
    assert.match(byPath, new RegExp(`^dummy +client +\\S+ +${folder}/mine.so `, "m"));
  });
});

for (const side of ["client", "target"] as const) {
  Deno.test(`plugin new --${side}: builds with make alone, passes its check, and is found`, async () => {
    await inFolder(async (folder) => {
      const made = await runProgram("ipbench", ["plugin", "new", "my-test", `--${side}`], { cwd: folder });
      assert.equal(made.code, 0, made.stderr);
      const files = [...Deno.readDirSync(`${folder}/my-test`)].map((entry) => entry.name).sort();
      assert.deepEqual(files, ["Makefile", "my-test.c", "plugin.h"]);
      await make(`${folder}/my-test`);
      const checked = await runProgram("ipbench", ["plugin", "check", `${folder}/my-test/my-test.so`]);
      assert.equal(checked.code, 0, checked.stdout + checked.stderr);
      assert.match(checked.stdout, new RegExp(`my-test, ${side} test`));
      const list = await runProgram("ipbench", ["plugins", "--plugin-dir", `${folder}/my-test`]);
      assert.match(list.stdout, new RegExp(`^my-test +${side} +1\\.0\\.0 +${folder}`, "m"));
      const again = await runProgram("ipbench", ["plugin", "new", "my-test", `--${side}`], { cwd: folder });
      assert.deepEqual([again.code, again.stdout], [1, ""]);
      assert.match(again.stderr, /my-test exists already/);
    });
  });
}

Deno.test("plugin new: wrong use is told before anything is written", async () => {
  await inFolder(async (folder) => {
    for (const args of [["x"], ["x", "--client", "--target"], ["../x", "--client"], ["X y", "--target"]]) {
      assert.equal(
        (await runProgram("ipbench", ["plugin", "new", ...args], { cwd: folder })).code,
        2,
        args.join(" "),
      );
    }
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("plugin check: what is no plugin, what crashes, what leaks", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/text.so`, "hello\n");
    const text = await runProgram("ipbench", ["plugin", "check", `${folder}/text.so`]);
    assert.deepEqual([text.code, text.stdout], [1, ""]);
    assert.match(text.stderr, /text\.so is no shared object: it begins with "hell"/);

    await runProgram("ipbench", ["plugin", "new", "crashing", "--client"], { cwd: folder });
    const crashing = `${folder}/crashing/crashing.c`;
    const whole = await Deno.readTextFile(crashing);
    const place = "memcpy(*data, input, (size_t)len);";
    assert.ok(whole.includes(place));
    await Deno.writeTextFile(
      crashing,
      whole.replace(place, "raise(11);").replace("<time.h>", "<signal.h>\n#include <time.h>"),
    );
    await make(`${folder}/crashing`);
    const crash = await runProgram("ipbench", ["plugin", "check", `${folder}/crashing/crashing.so`]);
    assert.equal(crash.code, 1);
    assert.match(crash.stderr, /crashing\.so crashed with SIGSEGV in unmarshall/);

    await runProgram("ipbench", ["plugin", "new", "leaky", "--client"], { cwd: folder });
    const path = `${folder}/leaky/leaky.c`;
    const source = await Deno.readTextFile(path);
    assert.match(source, /free\(\*data\);/);
    await make(`${folder}/leaky`, ["SANITIZE=1"]);
    const clean = await runProgram("ipbench", ["plugin", "check", `${folder}/leaky/leaky.so`]);
    assert.match(clean.stdout, /^ok +no leaks$/m, clean.stdout + clean.stderr);
    await Deno.writeTextFile(path, source.replace("free(*data);", ""));
    await make(`${folder}/leaky`, ["SANITIZE=1"]);
    const leaks = await runProgram("ipbench", ["plugin", "check", `${folder}/leaky/leaky.so`]);
    assert.equal(leaks.code, 1);
    assert.match(leaks.stdout, /^WRONG +it leaks memory/m);
    assert.match(leaks.stderr, /leaky_marshall/);
  });
});

Deno.test("plugin check: a plugin of the original's line is called in the order that it knows alone", async () => {
  // It reads what only a run gives it, as the original's latency does: without one, its marshall crashes.
  const { code, stdout, stderr } = await runProgram("ipbench", [
    "plugin",
    "check",
    `${FIXTURES}/fault_segv_marshall.so`,
  ]);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^ok +all nine functions are there$/m);
  assert.match(stdout, /^note +not tried without a run: /m);
});

Deno.test("plugin check: another version of the interface is refused, with both and the file named", async () => {
  await inFolder(async (folder) => {
    await runProgram("ipbench", ["plugin", "new", "newer", "--client"], { cwd: folder });
    const header = `${folder}/newer/plugin.h`;
    const text = await Deno.readTextFile(header);
    await Deno.writeTextFile(header, text.replace("IPBENCH_EXT_MAJOR 1u", "IPBENCH_EXT_MAJOR 2u"));
    await make(`${folder}/newer`);
    const { code, stderr } = await runProgram("ipbench", ["plugin", "check", `${folder}/newer/newer.so`]);
    assert.equal(code, 1);
    assert.match(stderr, /newer\.so speaks plugin interface 2\.\d, this ipbench 1\.\d: build it again/);
  });
});
