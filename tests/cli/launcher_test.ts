/**
 * The file that is copied to machines: it notices damage, needs no writable disk, and leaves nothing behind.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fixturePlugins, projectRoot, TestDaemon } from "../util/mod.ts";

const PROGRAM = `${projectRoot()}/dist/ipbench`;
const MAGIC = "IPBENCH-LAUNCH-1";
const PIECE = 1024 * 1024;

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

async function start(
  path: string,
  args: string[],
  env: Record<string, string> = {},
  clearEnv = false,
): Promise<Outcome> {
  const signal = AbortSignal.timeout(60_000);
  const options = { args, env, clearEnv, stdin: "null", stdout: "piped", stderr: "piped", signal } as const;
  const { code, stdout, stderr } = await new Deno.Command(path, options).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** Whether `dist/ipbench` was built with the launcher; `deno compile` has a file of another kind. */
const isLauncher = await (async () => {
  try {
    using file = await Deno.open(PROGRAM);
    await file.seek(-MAGIC.length, Deno.SeekMode.End);
    const end = new Uint8Array(MAGIC.length);
    await file.read(end);
    return new TextDecoder().decode(end) === MAGIC;
  } catch {
    return false;
  }
})();
const ignore = !isLauncher;

/** A folder with a copy of the program, gone afterwards. */
async function withCopy(body: (path: string, folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-launcher-" });
  try {
    await Deno.copyFile(PROGRAM, `${folder}/ipbench`);
    await body(`${folder}/ipbench`, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test(
  { name: "launcher: --version says what it is, under both names, from any folder", ignore },
  async () => {
    await withCopy(async (path, folder) => {
      await Deno.copyFile(path, `${folder}/ipbenchd`);
      const expected = new RegExp(
        `\\d+\\.\\d+\\.\\d+ \\(launcher, Deno \\d[^,]*, plugin interface 1\\.4, ${Deno.build.os}-${Deno.build.arch}\\)\\n$`,
      );
      for (const name of ["ipbench", "ipbenchd"]) {
        const { code, stdout, stderr } = await start(`${folder}/${name}`, ["--version"], {}, true);
        assert.deepEqual([code, stderr], [0, ""]);
        assert.ok(stdout.startsWith(`${name} `) && expected.test(stdout), stdout);
      }
    });
  },
);

Deno.test({ name: "launcher: a truncated file says so, wherever it ends", ignore }, async () => {
  await withCopy(async (path) => {
    const { size } = await Deno.stat(path);
    for (const length of [size - 1, size - 300, size - 2_000_000, 50_000_000, 800_000]) {
      await Deno.truncate(path, length);
      const { code, stdout, stderr } = await start(path, ["--version"]);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, /^ipbench: \S+ is truncated or damaged: copy or build it again\n$/);
    }
  });
});

Deno.test(
  { name: "launcher: one changed bit is noticed, in the runtime and in the bundle", ignore },
  async () => {
    await withCopy(async (path) => {
      const { size } = await Deno.stat(path);
      for (const place of [3 * PIECE, 60 * PIECE, size - PIECE / 2, size - 40]) {
        using file = await Deno.open(path, { read: true, write: true });
        const byte = new Uint8Array(1);
        const change = async () => {
          await file.seek(place, Deno.SeekMode.Start);
          await file.read(byte);
          byte[0]! ^= 0x10;
          await file.seek(place, Deno.SeekMode.Start);
          await file.write(byte);
        };
        await change();
        const writable = await copyOf(path);
        const { code, stderr } = await start(writable, ["--version"]);
        await Deno.remove(writable);
        assert.equal(code, 1, `byte ${place}`);
        assert.match(stderr, /damaged: copy or build it again\n$/);
        await change();
      }
    });
  },
);

/** A file that is open for writing cannot be executed. */
async function copyOf(path: string): Promise<string> {
  await Deno.copyFile(path, path + ".copy");
  return path + ".copy";
}

Deno.test({ name: "launcher: bytes after the end are noticed", ignore }, async () => {
  await withCopy(async (path) => {
    await Deno.writeFile(path, new Uint8Array(10), { append: true });
    const { code, stderr } = await start(path, ["--version"]);
    assert.equal(code, 1);
    assert.match(stderr, /truncated or damaged/);
  });
});

/** All files below a folder. */
async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (entry.isDirectory) found.push(...await filesBelow(`${folder}/${entry.name}`));
    else found.push(`${folder}/${entry.name}`);
  }
  return found.sort();
}

Deno.test(
  { name: "launcher: nothing is written to disk, and no folder has to be writable", ignore },
  async () => {
    const home = await Deno.makeTempDir();
    try {
      const env = { HOME: home, TMPDIR: home, XDG_CACHE_HOME: home };
      const { code, stdout, stderr } = await start(PROGRAM, ["plugins"], env);
      assert.deepEqual([code, stderr.includes("cannot")], [0, false], stderr);
      assert.match(stdout, /^latency .*embedded/m);
      assert.deepEqual(await filesBelow(home), []);
      const nowhere = { HOME: "/nonexistent", TMPDIR: "/nonexistent", XDG_CACHE_HOME: "/nonexistent" };
      assert.equal((await start(PROGRAM, ["plugins"], nowhere, true)).code, 0);
    } finally {
      await Deno.remove(home, { recursive: true });
    }
  },
);

Deno.test({ name: "launcher: in place and from memory it is the same program", ignore }, async () => {
  const [inPlace, fromMemory] = await Promise.all(
    ["", "memory"].map((way) => start(PROGRAM, ["plugins", "dummy"], { IPBENCH_LAUNCHER_WAY: way })),
  );
  assert.deepEqual(inPlace, fromMemory); // each with a child that opens the plugin
  assert.equal(inPlace!.code, 0, inPlace!.stderr);
  for (
    const [way, expected] of [["", PROGRAM + "d"], ["memory", "/memfd:ipbench-runtime (deleted)"]] as const
  ) {
    const daemon = new Deno.Command(PROGRAM + "d", {
      args: ["--port", "0", "--ip", "127.0.0.1"],
      env: { IPBENCH_LAUNCHER_WAY: way },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const reader = daemon.stderr.getReader();
    await reader.read(); // it is ready
    assert.equal(await Deno.readLink(`/proc/${daemon.pid}/exe`), expected);
    daemon.kill("SIGKILL");
    await daemon.status;
    await reader.cancel();
  }
});

Deno.test({
  name: "launcher: where memory cannot be executed, a private folder of the cache is used",
  ignore,
}, async () => {
  const home = await Deno.makeTempDir();
  try {
    const env = { HOME: home, XDG_CACHE_HOME: "", IPBENCH_LAUNCHER_WAY: "cache" };
    const first = await start(PROGRAM, ["plugins"], env);
    assert.equal(first.code, 0, first.stderr);
    const files = await filesBelow(home);
    assert.equal(files.length, 3, files.join(" ")); // runtime, loader, bundle
    const folder = files[0]!.slice(0, files[0]!.lastIndexOf("/"));
    assert.equal((await Deno.stat(folder)).mode! & 0o777, 0o700);
    const runtime =
      (await Promise.all(files.map(async (path) => ({ path, size: (await Deno.stat(path)).size }))))
        .toSorted((a, b) => b.size - a.size)[0]!.path;
    // A damaged copy is replaced, not executed.
    await Deno.truncate(runtime, 1000);
    assert.equal((await start(PROGRAM, ["--version"], env)).code, 0);
    assert.ok((await Deno.stat(runtime)).size > 1000);
    // Somebody else's folder is not trusted.
    await Deno.chmod(folder, 0o777);
    const other = await start(PROGRAM, ["--version"], { ...env, TMPDIR: home + "/tmp" });
    assert.equal((await filesBelow(home)).length, 3);
    assert.ok(other.code === 0 || /no private folder/.test(other.stderr), other.stderr);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test({ name: "launcher: standard streams that are closed do not confuse it", ignore }, async () => {
  for (const name of ["ipbench", "ipbenchd"]) {
    const command = `exec <&- >&-; "${projectRoot()}/dist/${name}" --version`;
    const { code, stderr } = await start("sh", ["-c", command]);
    assert.deepEqual([code, stderr], [
      1,
      `${name}: cannot write the result to standard output: it is closed\n`,
    ]);
  }
});

const missing = (Deno.env.get("IPBENCH_TEST_MISSING") ?? "").split(",");
const canSetcap = Deno.uid() === 0 && !missing.includes("libcap2-bin");

Deno.test(
  { name: "launcher: capabilities of the file reach the program", ignore: ignore || !canSetcap },
  async () => {
    await withCopy(async (path, folder) => {
      await Deno.chmod(folder, 0o755);
      const set = await start("setcap", ["cap_net_raw+ep", path]);
      assert.equal(set.code, 0, set.stderr);
      // A daemon of an ordinary user, and what its process may do.
      await Deno.copyFile(path, `${folder}/ipbenchd`);
      assert.equal((await start("setcap", ["cap_net_raw+ep", `${folder}/ipbenchd`])).code, 0);
      const script = `"${folder}/ipbenchd" --ip 127.0.0.1 --port 0 2>"${folder}/log" & pid=$!
      for i in $(seq 200); do grep -q ready "${folder}/log" && break; sleep 0.05; done
      grep CapEff /proc/$pid/status; kill $pid; wait $pid`;
      await Deno.writeTextFile(`${folder}/log`, "");
      await Deno.chmod(`${folder}/log`, 0o666);
      const args = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-c", script];
      const { stdout, stderr } = await start("setpriv", args);
      const effective = BigInt("0x" + (/CapEff:\s*([0-9a-f]+)/.exec(stdout)?.[1] ?? "0"));
      assert.equal(effective, 1n << 13n, stdout + stderr + await Deno.readTextFile(`${folder}/log`));
    });
  },
);

Deno.test(
  {
    name: "launcher: a copy with capabilities opens no plugin of whoever starts it",
    ignore: ignore || !canSetcap,
  },
  async () => {
    await withCopy(async (path, folder) => {
      await Deno.chmod(folder, 0o755);
      const daemon = `${folder}/ipbenchd`;
      await Deno.copyFile(path, daemon);
      assert.equal((await start("setcap", ["cap_net_raw+ep", daemon])).code, 0);
      const [own, roots] = [`${folder}/own`, `${folder}/roots`];
      for (const each of [own, roots]) {
        await Deno.mkdir(each);
        await Deno.copyFile(`${fixturePlugins()}/old_client_needed.so`, `${each}/plugin.so`);
        await Deno.chmod(each, 0o755);
      }
      await Deno.chown(own, 65534, 65534);
      await Deno.chown(`${own}/plugin.so`, 65534, 65534);
      await Deno.chmod(`${own}/plugin.so`, 0o755);
      await Deno.chmod(`${roots}/plugin.so`, 0o755);
      const ask = async (plugins: string, variable: boolean) => {
        const ids = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
        const named = variable ? [] : ["--plugin-dir", plugins];
        await using running = await TestDaemon.start({
          wrap: [
            "setpriv",
            ...ids,
            "env",
            `IPBENCH_PLUGIN_PATH=${variable ? plugins : ""}`,
            "sh",
            "-c",
            `shift; exec ${daemon} "$@"`,
            "sh",
          ],
          args: named,
        });
        using client = await running.greeted();
        await client.ask("HELLO");
        return (await client.ask("LOAD old_client_needed"))[0] ?? "";
      };
      for (const variable of [false, true]) {
        const refused = await ask(own, variable);
        assert.match(
          refused,
          /^451 .*is|are not opened by a program with rights of its own: .*belongs to user 65534/,
        );
        assert.equal(await ask(roots, variable), "200 OK");
      }
    });
  },
);
