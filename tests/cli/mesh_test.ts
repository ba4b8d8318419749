/** A mesh of a configuration's hosts, and meshes that cannot be. */
import assert from "node:assert/strict";
import { parseMesh } from "../../results/mesh/document.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { projectRoot, runProgram, TestDaemon } from "../util/mod.ts";

Deno.test("examples/mesh.xml: all pairs of the hosts of a configuration", async () => {
  await using stack = new AsyncDisposableStack();
  const network = "127.27.0.", hosts = [11, 12, 13, 14].map((n) => `${network}${n}`);
  await Promise.all(
    hosts.flatMap((ip) =>
      (["tester", "target"] as const).map(async (role, k) =>
        stack.use(await TestDaemon.start({ role, ip, port: 8036 + k }))
      )
    ),
  );
  const folder = stack.use(TemporaryFolder.make());
  const text = await Deno.readTextFile(`${projectRoot()}/examples/mesh.xml`);
  const config = folder.write("mesh.xml", text.replaceAll("192.0.2.", network));
  const file = `${folder.path}/mesh.json`;
  const { code, stderr } = await runProgram("ipbench", [
    "mesh",
    config,
    "--sleep",
    "--no-rate",
    "--json",
    file,
  ]);
  assert.equal(code, 0, stderr);
  const document = parseMesh(await Deno.readTextFile(file));
  assert.deepEqual(document.hosts.map(({ name }) => name), hosts);
  assert.ok(document.pairs.length === 12 && document.pairs.every(({ delay }) => delay !== null), stderr);
});

Deno.test("what a mesh cannot do is refused with what to do", async () => {
  for (
    const [args, words] of [
      [[], /at least two/],
      [["a"], /at least two/],
      [["a", "b", "a"], /a is named twice/],
      [["a", "b", "--no-delay", "--no-rate"], /leave nothing to measure/],
      [["a", "b", "--service-port", "65533"], /4 ports from 65533 on/],
      [["a", "b", "--resume"], /give --json FILE/],
      [["a", "b=c d"], /not a host name/],
      [["a", "b", "--secret-file", "c=x"], /c, which is none of the hosts/],
    ] as const
  ) {
    const { code, stderr, stdout } = await runProgram("ipbench", ["mesh", ...args]);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, words);
    assert.equal(stdout, "");
  }
});
