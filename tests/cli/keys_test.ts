/** Daemons with keys of their own, and daemons that a configuration names: run, check, status, watch, abort. */
import assert from "node:assert/strict";
import { hasOpenssl, makeCertificates, runProgram, TestDaemon } from "../util/mod.ts";

/** A folder with two secrets, and a configuration that is written there. */
async function inFolder(
  body: (folder: string, config: (xml: string) => Promise<string>) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-keys-" });
  try {
    for (const name of ["one", "two"]) {
      const file = `${folder}/${name}`;
      await Deno.writeTextFile(file, `the secret of daemon ${name}\n`, { mode: 0o600 });
    }
    await body(folder, async (xml) => {
      await Deno.writeTextFile(`${folder}/lab.xml`, `<ipbench>\n${xml}\n</ipbench>\n`);
      return `${folder}/lab.xml`;
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("status, watch and abort take a configuration, with its daemons' ports, roles and secrets", () =>
  inFolder(async (folder, config) => {
    await using tester = await TestDaemon.start({ args: ["--secret-file", `${folder}/one`] });
    await using target = await TestDaemon.start({
      role: "target",
      args: ["--secret-file", `${folder}/two`],
    });
    // What would run does not matter here: the test has no name yet.
    const file = await config(`  <test>
    <client hostname="127.0.0.1" port="${tester.port}" secret_file="${folder}/one"/>
  </test>
  <target_test secret_file="${folder}/two"><target hostname="127.0.0.1" port="${target.port}"/></target_test>`);
    const [a, b] = [tester, target].map(({ port }) => `127.0.0.1:${port}`);
    const status = await runProgram("ipbench", ["status", file]);
    assert.deepEqual([status.code, status.stderr], [0, ""]);
    assert.deepEqual(status.stdout.split("\n").map((line) => line.split(/ {2,}/).slice(0, 3).join(" ")), [
      `${a} tester idle`,
      `${b} target idle`,
      "",
    ]);
    const watch = await runProgram("ipbench", ["watch", "--until-idle", "--config", file]);
    assert.deepEqual([watch.code, watch.stdout.trimEnd().split("\n").sort()], [
      0,
      [`${a}  idle`, `${b}  idle`].sort(),
    ]);
    const abort = await runProgram("ipbench", ["abort", file]);
    assert.deepEqual([abort.code, abort.stdout], [
      0,
      `${a}  there was nothing to abort: it is idle\n${b}  there was nothing to abort: it is idle\n`,
    ]);
    // The same on the command line; one of them wrong.
    const typed = await runProgram("ipbench", [
      ...["abort", a!, b!, "--secret-file", `${folder}/one`, "--secret-file", `${b}=${folder}/two`],
    ]);
    assert.deepEqual([typed.code, typed.stdout], [0, abort.stdout], typed.stderr);
    const wrong = await runProgram("ipbench", ["abort", a!, b!, "--secret-file", `${folder}/one`]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stdout, new RegExp(`^${a} {2}there was nothing to abort.*\\n${b} {2}failed: `));
    for (
      const [args, why] of [
        [["status"], /which daemons\? Give HOST, or a configuration/],
        [
          ["status", a!, "--secret-file", `lab9=${folder}/one`],
          /keys for lab9, which is none of the daemons/,
        ],
        [["status", `${folder}/nothing.xml`], /cannot read the configuration .*nothing\.xml/],
        [["status", await config(`<test><cliant hostname="a"/></test>`)], /lab\.xml:2:\d+: .*cliant/],
      ] as const
    ) {
      const { code, stderr } = await runProgram("ipbench", [...args]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, why);
    }
  }));

Deno.test("a run of daemons with different secrets, in the configuration or on the command line", () =>
  inFolder(async (folder, config) => {
    await using one = await TestDaemon.start({ args: ["--secret-file", `${folder}/one`] });
    await using two = await TestDaemon.start({ args: ["--secret-file", `${folder}/two`] });
    const lab = (first: string, second: string) =>
      config(`  <test name="dummy" args="seconds=0.1" target="127.0.0.1">
    <client hostname="127.0.0.1" port="${one.port}"${first}/>
    <client hostname="127.0.0.1" port="${two.port}"${second}/>
  </test>`);
    const own = (name: string) => ` secret_file="${folder}/${name}"`;
    for (const command of ["check", "run"]) {
      const { code, stdout, stderr } = await runProgram("ipbench", [
        command,
        await lab(own("one"), own("two")),
        "--require-secret",
      ]);
      assert.equal(code, 0, stdout + stderr);
    }
    const typed = ["--secret-file", `${folder}/one`, "--secret-file", `127.0.0.1:${two.port}=${folder}/two`];
    const mixed = await runProgram("ipbench", ["run", await lab("", ""), ...typed]);
    assert.equal(mixed.code, 0, mixed.stderr);
    const bad = await runProgram("ipbench", ["run", await lab("", own("one")), ...typed]);
    assert.equal(bad.code, 1, "what stands at a client in the file comes first");
    assert.match(bad.stderr, new RegExp(`client 127\\.0\\.0\\.1:${two.port}: `));
    await Deno.writeTextFile(`${folder}/empty`, "");
    const missing = await runProgram("ipbench", ["run", await lab(own("gone"), own("empty"))]);
    assert.equal(missing.code, 2, missing.stderr);
    assert.match(
      missing.stderr,
      /lab\.xml:3:\d+: cannot use the secret file \S*\/gone: there is no such file$/m,
    );
    assert.match(missing.stderr, /lab\.xml:4:\d+: cannot use the secret file \S*\/empty: /);
    const places = (text: string) =>
      text.split("\n").flatMap((line) => /lab\.xml:\d+:\d+: cannot use.*/.exec(line)?.[0] ?? []);
    for (const command of ["status", "watch", "mesh"]) {
      const asked = await runProgram("ipbench", [command, await lab(own("gone"), own("empty"))]);
      assert.equal(asked.code, 2, asked.stderr);
      // To a mesh both are one host, whose first daemon counts.
      const all = places(missing.stderr).slice(0, command === "mesh" ? 1 : 2);
      assert.deepEqual(places(asked.stderr), all, command);
    }
    const unused = await config(`<test><client hostname="127.0.0.1"/></test>
  <target_test${own("gone")}><target hostname="127.0.0.1"/></target_test>`);
    const mesh = await runProgram("ipbench", ["mesh", unused]);
    assert.match(
      mesh.stderr,
      /^ipbench: which hosts\? Give at least two/,
      "it asks no target of a host that has a tester",
    );
    const named = await runProgram("ipbench", [
      ...["run", await lab("", ""), "--secret-file", `127.0.0.1:${two.port}=${folder}/gone`],
    ]);
    assert.equal(named.code, 2, named.stderr);
    assert.match(named.stderr, /--secret-file: cannot use the secret file \S*\/gone: /);
    await Deno.writeTextFile(`${folder}/both`, "a secret and no certificate\n", { mode: 0o600 });
    const both = await runProgram("ipbench", [
      "status",
      await lab(`${own("both")} tls_ca="${folder}/both"`, ""),
    ]);
    assert.match(both.stderr, /lab\.xml:3:\d+: cannot read the certificates \S*\/both: it is no PEM file/);
    await Deno.chmod(`${folder}/two`, 0o644);
    for (const command of ["check", "status"]) {
      const warned = await runProgram("ipbench", [command, await lab(own("one"), own("two"))]);
      const warnings = warned.stderr.match(/warning: the secret file \S+ can be read by others/g);
      assert.deepEqual(warnings, [`warning: the secret file ${folder}/two can be read by others`], command);
    }
  }));

Deno.test(
  { name: "TLS to some daemons, plain TCP to others; IPBENCH_TLS_CA", ignore: !hasOpenssl() },
  () =>
    inFolder(async (folder, config) => {
      await makeCertificates(folder);
      const args = ["--tls-cert", `${folder}/cert.pem`, "--tls-key", `${folder}/key.pem`];
      await using secure = await TestDaemon.start({ args });
      await using plain = await TestDaemon.start();
      // The daemon takes its files from the environment, too.
      const env = { IPBENCH_TLS_CERT: `${folder}/cert.pem`, IPBENCH_TLS_KEY: `${folder}/key.pem` };
      await using target = await TestDaemon.start({ role: "target", env });
      const file = await config(`  <test name="dummy" args="seconds=0.1" target="127.0.0.1">
    <client hostname="localhost" port="${secure.port}" tls_ca="${folder}/ca.pem"/>
    <client hostname="127.0.0.1" port="${plain.port}"/>
  </test>
  <target_test name="dummy_target">
    <target hostname="localhost" port="${target.port}" tls_ca="${folder}/ca.pem"/>
  </target_test>`);
      for (const command of ["check", "run", "status"]) {
        const { code, stdout, stderr } = await runProgram("ipbench", [command, file]);
        assert.equal(code, 0, `${command}: ${stdout}${stderr}`);
      }
      const hosts = [`localhost:${secure.port}`, `127.0.0.1:${plain.port}`];
      const typed = await runProgram("ipbench", [
        "status",
        ...hosts,
        "--tls-ca",
        `localhost=${folder}/ca.pem`,
      ]);
      assert.equal(typed.code, 0, typed.stdout);
      const known = { IPBENCH_TLS_CA: `${folder}/ca.pem` };
      const all = await runProgram("ipbench", ["status", ...hosts, "--tls-ca", "127.0.0.1="], { env: known });
      assert.equal(all.code, 0, all.stdout);
      const both = await runProgram("ipbench", ["status", ...hosts], { env: known });
      assert.equal(both.code, 1);
      assert.match(both.stdout, /^127\.0\.0\.1:\d+ +failed: TLS .*; does the daemon speak TLS/m);
    }),
);
