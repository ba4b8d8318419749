/** `ipbench deploy` with an ssh, an scp and a systemctl that act on this machine. */
import assert from "node:assert/strict";
import { runProgram } from "./util/mod.ts";

const SSH = `#!/bin/sh
# Options, then --, host, command: as a remote shell would run it.
while [ "$1" != -- ]; do shift; done
host=$2 command=$3
case $host in
  dead) echo "ssh: connect to host dead port 22: No route to host" >&2; exit 255 ;;
  slow) exec sleep 30 ;;
esac
echo "$host: $command" >> "$FAKE/log"
exec sh -c "$command"
`;
const SCP = `#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
for last; do :; done
to=\${last#*:}
case $last in
  full:*) cp "$1" "$to"; echo "scp: No space left on device" >&2; exit 1 ;;
  stuck:*) cp "$1" "$to"; exec sleep 30 ;;
esac
while [ $# -gt 1 ]; do cp "$1" "$to"; shift; done
`;
const SYSTEMCTL = `#!/bin/sh
echo "systemctl $*" >> "$FAKE/log"
if [ "$1" = is-active ]; then echo active; fi
`;
const PROGRAM = `#!/bin/sh
echo "ipbenchd 9.9.9 (fake)"
`;

/** A folder with fake tools, a program to copy, and room for what is installed. */
async function sandbox(): Promise<
  { folder: string; env: Record<string, string>; [Symbol.asyncDispose](): Promise<void> }
> {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-test-" });
  await Deno.mkdir(`${folder}/tools`);
  for (
    const [name, text] of Object.entries({
      ssh: SSH,
      scp: SCP,
      systemctl: SYSTEMCTL,
      sudo: '#!/bin/sh\nshift\nexec "$@"\n',
    })
  ) {
    await Deno.writeTextFile(`${folder}/tools/${name}`, text, { mode: 0o755 });
  }
  await Deno.writeTextFile(`${folder}/program`, PROGRAM, { mode: 0o755 });
  await Deno.writeTextFile(`${folder}/log`, "");
  return {
    folder,
    env: { PATH: `${folder}/tools:${Deno.env.get("PATH")}`, FAKE: folder, HOME: folder, XDG_CONFIG_HOME: "" },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

const place = (
  folder: string,
) => ["--bin", `${folder}/bin`, "--etc", `${folder}/etc`, "--binary", `${folder}/program`];

Deno.test("deploy: programs, unit and options arrive, the service is restarted, the dead machine is named", async () => {
  await using box = await sandbox();
  const { folder, env } = box;
  const args = ["deploy", ...place(folder), "--options", "--target --port 9037", "lab1", "dead"];
  const { code, stdout, stderr } = await runProgram("ipbench", args, { env });
  const lines = stdout.trimEnd().split("\n").sort();
  assert.deepEqual(lines, [
    "dead  failed: ssh ended with status 255: ssh: connect to host dead port 22: No route to host",
    "lab1  ok: ipbenchd 9.9.9 (fake), active",
  ]);
  assert.equal(code, 1);
  const own = `${folder}/.config/ipbench/secret`;
  assert.equal(
    stderr,
    `ipbench: the daemons ask for the secret in ${own}, which is new; others who are to use them need a copy\n`,
  );
  const secret = await Deno.readTextFile(own);
  assert.match(secret, /^[0-9a-f]{64}\n$/);
  assert.equal(await Deno.readTextFile(`${folder}/etc/ipbench/secret`), secret.trim());
  for (const file of [own, `${folder}/etc/ipbench/secret`]) {
    assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
  }
  assert.match(
    await Deno.readTextFile(`${folder}/etc/systemd/system/ipbenchd.service.d/ipbench-secret.conf`),
    new RegExp(`^LoadCredential=secret:${folder}/etc/ipbench/secret$`, "m"),
  );
  for (const name of ["ipbench", "ipbenchd"]) {
    assert.equal(await Deno.readTextFile(`${folder}/bin/${name}`), PROGRAM);
    assert.equal((await Deno.stat(`${folder}/bin/${name}`)).mode! & 0o777, 0o755);
  }
  const unit = await Deno.readTextFile(`${folder}/etc/systemd/system/ipbenchd.service`);
  assert.match(unit, new RegExp(`^ExecStart=${folder}/bin/ipbenchd `, "m"));
  assert.equal(
    await Deno.readTextFile(`${folder}/etc/default/ipbenchd`),
    'IPBENCHD_OPTIONS="--target --port 9037"\n',
  );
  const log = await Deno.readTextFile(`${folder}/log`);
  const order = ["daemon-reload", "enable ipbenchd", "restart ipbenchd", "is-active ipbenchd"];
  assert.deepEqual(log.match(/(?<=^systemctl ).*$/gm), order);
  const stage = /\/tmp\/ipbench-deploy\.\w+/.exec(log)?.[0] ?? "";
  assert.notEqual(stage, "");
  await assert.rejects(Deno.stat(stage), Deno.errors.NotFound, "the staging folder is gone");
});

Deno.test("deploy --no-service copies and starts nothing; a second time replaces", async () => {
  await using box = await sandbox();
  const { folder, env } = box;
  for (let i = 0; i < 2; i++) {
    const { code, stdout } = await runProgram(
      "ipbench",
      ["deploy", ...place(folder), "--no-service", "lab1"],
      { env },
    );
    assert.deepEqual([code, stdout], [0, "lab1  ok: ipbenchd 9.9.9 (fake)\n"]);
  }
  assert.doesNotMatch(await Deno.readTextFile(`${folder}/log`), /systemctl/);
  const left = Array.from(Deno.readDirSync(`${folder}/bin`), ({ name }) => name).sort();
  assert.deepEqual(left, ["ipbench", "ipbenchd"]);
});

Deno.test("deploy gives a machine up that does not answer in time", async () => {
  await using box = await sandbox();
  const { folder, env } = box;
  const { code, stdout, ms } = await runProgram("ipbench", [
    "deploy",
    ...place(folder),
    "--timeout",
    "500ms",
    "slow",
  ], {
    env,
  });
  assert.deepEqual([code, stdout], [1, "slow  failed: ssh was ended: it took too long\n"]);
  assert.ok(ms < 15_000);
});

Deno.test("deploy: a secret that root alone may read is handed over by systemd; the next deploy can take it back", async () => {
  await using box = await sandbox();
  const { folder, env } = box;
  const dropIn = `${folder}/etc/systemd/system/ipbenchd.service.d/ipbench-secret.conf`;
  const deployWith = async (...args: string[]) => {
    const { code, stderr } = await runProgram("ipbench", ["deploy", ...place(folder), ...args, "lab1"], {
      env,
    });
    assert.equal(code, 0, stderr);
  };
  await deployWith("--options", "--target --secret-file /etc/ipbench.secret --port 9037");
  assert.equal(
    await Deno.readTextFile(`${folder}/etc/default/ipbenchd`),
    'IPBENCHD_OPTIONS="--target --port 9037"\n',
  );
  assert.match(
    await Deno.readTextFile(dropIn),
    /^\[Service\]\nLoadCredential=secret:\/etc\/ipbench\.secret\nEnvironment=IPBENCH_SECRET_FILE=%d\/secret\n$/m,
  );
  await deployWith();
  assert.match(
    await Deno.readTextFile(dropIn),
    /secret:\/etc\/ipbench\.secret/,
    "an upgrade leaves it as it is",
  );
  await deployWith("--no-secret", "--options", "--target");
  assert.doesNotMatch(await Deno.readTextFile(dropIn), /LoadCredential/);
  await Deno.writeTextFile(`${folder}/mine`, "a secret that I have chosen\n", { mode: 0o644 });
  await deployWith("--secret-file", `${folder}/mine`);
  assert.match(await Deno.readTextFile(dropIn), new RegExp(`secret:${folder}/etc/ipbench/secret`));
  assert.equal(await Deno.readTextFile(`${folder}/etc/ipbench/secret`), "a secret that I have chosen");
  const wrong = await runProgram(
    "ipbench",
    ["deploy", ...place(folder), "--options", "--secret-file secret", "lab1"],
    { env },
  );
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--secret-file "secret" is not a plain absolute path/);
});

Deno.test("deploy leaves nothing on a machine where the copy fails or takes too long", async () => {
  await using box = await sandbox();
  const { folder, env } = box;
  const { code, stdout } = await runProgram(
    "ipbench",
    ["deploy", ...place(folder), "--timeout", "2s", "full", "stuck"],
    { env },
  );
  assert.deepEqual([code, stdout.trimEnd().split("\n").sort()], [1, [
    "full   failed: scp ended with status 1: scp: No space left on device",
    "stuck  failed: scp was ended: it took too long",
  ]]);
  const log = await Deno.readTextFile(`${folder}/log`);
  const stages = [...log.matchAll(/rm -rf (\/tmp\/ipbench-deploy\.\w+)/g)].map((match) => match[1]!);
  assert.equal(stages.length, 2);
  for (const stage of stages) await assert.rejects(Deno.stat(stage), Deno.errors.NotFound);
});
