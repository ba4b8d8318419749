/** Ranges and files of hosts, in every place that takes hosts. */
import assert from "node:assert/strict";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { runProgram, TestDaemon } from "../util/mod.ts";

const ipbench = (...args: string[]) => runProgram("ipbench", args);

Deno.test("status and check: the hosts of a range and of a file", async () => {
  using folder = TemporaryFolder.make();
  await using one = await TestDaemon.start();
  await using two = await TestDaemon.start();
  const range = `127.0.0.1:[${one.port},${two.port}]`;
  const file = folder.write("hosts", `# the lab\n${range}\n`);
  for (const word of [range, `@${file}`]) {
    const { code, stdout, stderr } = await ipbench("status", word);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.deepEqual(stdout.match(/^\S+/gm), [`127.0.0.1:${one.port}`, `127.0.0.1:${two.port}`]);
    const check = await ipbench("check", "-c", word, "-t", "dummy", "-T", "127.0.0.1");
    assert.equal(check.code, 0, check.stderr);
    assert.equal(check.stdout.match(/^ok {4} {2}client/gm)?.length, 2, check.stdout);
  }
});

Deno.test("run: both testers of a range measure", async () => {
  await using one = await TestDaemon.start();
  await using two = await TestDaemon.start();
  const range = `127.0.0.1:[${one.port},${two.port}]`;
  const { code, stdout } = await ipbench(
    ...["run", "-c", range, "-t", "dummy", "-a", "seconds=0", "-T", "127.0.0.1", "--json", "-"],
  );
  const { clients } = JSON.parse(stdout) as { clients: { port: number }[] };
  assert.deepEqual(clients.map(({ port }) => port), [one.port, two.port]);
  assert.ok(code === 0 || code === 1, `${code}`); // dummy fails at random, on purpose
});

Deno.test("deploy: each host of a range is logged in to", async () => {
  using folder = TemporaryFolder.make();
  const ssh = folder.write(
    "ssh",
    `#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\necho "$2 is away" >&2\nexit 255\n`,
  );
  await Deno.chmod(ssh, 0o755);
  const { code, stdout } = await runProgram(
    "ipbench",
    ["deploy", "--binary", ssh, "--no-secret", "root@lab[08-10]", `@${folder.write("more", "lab9")}`],
    { env: { PATH: `${folder.path}:${Deno.env.get("PATH")}` } },
  );
  assert.equal(code, 1);
  assert.deepEqual(
    stdout.match(/\S+(?= is away)/g)?.sort(),
    ["lab9", "root@lab08", "root@lab09", "root@lab10"],
    stdout,
  );
});

Deno.test("what is wrong is told before anything is done, with the option or the line", async () => {
  using folder = TemporaryFolder.make();
  const empty = folder.write("empty", "# nobody\n");
  const twice = folder.write("twice", "a\nb a\n");
  const BACKWARDS = 'in "lab[2-1]", 2-1 goes backwards; expected 1-2';
  for (
    const [args, message] of [
      [["status", "lab[2-1]"], BACKWARDS],
      [["mesh", "lab[2-1]"], BACKWARDS],
      [["mesh", "a[1-3]=b[1-2]"], 'in "a[1-3]=b[1-2]", 3 hosts have 2 addresses'],
      [["mesh", "a[1-3]", "a2"], "a2 is named twice"],
      [["deploy", "lab[2-1]"], BACKWARDS],
      [["quick", "h", "--from", "lab[2-1]"], `--from: ${BACKWARDS}`],
      [["run", "-c", "lab[2-1]", "-t", "dummy"], `--client: ${BACKWARDS}`],
      [["check", "-c", `@${empty}`], `--client: ${empty} names no host`],
      [["check", "--tune", "-c", `@${empty}`], `${empty} names no host`],
      [["abort", `@${twice}`], `${twice}:2: a is there twice (first: line 1)`],
      [["watch", "@/nowhere"], "cannot read the hosts of /nowhere: there is no such file"],
      [["continue", "@"], "@ needs the name of a file: @FILE"],
      [["status", "x[1-20000]", "y"], "20001 hosts are more than 20000"],
    ] as const
  ) {
    const { code, stdout, stderr } = await ipbench(...args);
    assert.deepEqual([code, stdout], [2, ""], args.join(" "));
    assert.ok(stderr.includes(`ipbench: ${message}\n`), `${args.join(" ")}: ${stderr}`);
  }
});
