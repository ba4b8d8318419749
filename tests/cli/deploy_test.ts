/** `ipbench deploy` with an ssh and a systemctl that act on this machine. */
import assert from "node:assert/strict";
import { deadline, isInstalled, kill, programCommand, runProgram, until } from "../util/mod.ts";
import { TestTerminal } from "../fixtures/terminal.ts";

const SSH = `#!/bin/sh
# Options, then --, host, command: as a remote shell would run it.
while [ "$1" != -- ]; do shift; done
host=$2 command=$3
case $host in
  dead) echo "ssh: connect to host dead port 22: No route to host" >&2; exit 255 ;;
  slow) exec sleep 30 ;;
esac
echo "$host: $command" >> "$FAKE/log"
case $host:$command in
  full:*cat*) sh -c "\${command%cat*} head -c 5 > \${command##*> }"; echo "cat: write error: No space left on device" >&2; exit 1 ;;
  far:*) # As sshd does: what runs there goes on when ssh is ended here.
    exec 3<&0
    setsid sh -c "$command" <&3 &
    trap 'exit 143' TERM
    wait $!
    exit ;;
  stuck:*cat*) sh -c "$command" < /dev/null; exec sleep 30 ;;
esac
exec sh -c "$command"
`;
/** Keeps whether the service is enabled and active; what "broken" names fails. */
const SYSTEMCTL = `#!/bin/sh
echo "systemctl $*" >> "$FAKE/log"
if grep -qx "$1" "$FAKE/broken" 2>/dev/null; then echo "systemctl: $1 failed" >&2; exit 1; fi
case "$1 $2" in
  "enable "*) touch "$FAKE/enabled" ;;
  "disable "*) rm -f "$FAKE/enabled" "$FAKE/active" ;;
  "stop "*) rm -f "$FAKE/active" ;;
  "restart "*)
    touch "$FAKE/active"
    if [ -e "$FAKE/slow" ]; then sleep 4; fi
    ;;
  "is-enabled "*) [ -e "$FAKE/enabled" ] ;;
  "is-active "*) if [ -e "$FAKE/active" ]; then echo active; else echo inactive; exit 3; fi ;;
esac
`;
const JOURNALCTL = `#!/bin/sh
echo "ipbenchd: cannot listen on port 8036"
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
      systemctl: SYSTEMCTL,
      journalctl: JOURNALCTL,
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

/** The folders in which copies are put at first. */
const stagesIn = (log: string): string[] => [
  ...new Set(Array.from(log.matchAll(/\/tmp\/ipbench-deploy\.[\w-]+/g), ([path]) => path)),
];

/** Every file below a folder, with its content. */
async function contents(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) Object.assign(found, await contents(path));
      else found[path] = await Deno.readTextFile(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found;
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
  // Plain lines where there is no terminal.
  assert.deepEqual(stderr.trimEnd().split("\n").filter((line) => !line.includes(" dead: ")), [
    `ipbench: the daemons ask for the secret in ${own}, which is new; others who are to use them need a copy`,
    "ipbench: lab1: looking",
    "ipbench: lab1: copying the program, 0.0 MB",
    "ipbench: lab1: installing, and starting the service",
  ]);
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
  assert.deepEqual(log.match(/(?<=^systemctl ).*$/gm), [
    "daemon-reload", // Is there a systemd? Asked before anything is changed.
    ...["is-active ipbenchd", "is-enabled ipbenchd"],
    ...["daemon-reload", "enable ipbenchd", "restart ipbenchd", "is-active ipbenchd"],
  ]);
  const stage = stagesIn(log)[0] ?? "";
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
    "full   failed: the command there ended with status 1: cat: write error: No space left on device",
    "stuck  failed: it took too long",
  ]]);
  const stages = stagesIn(await Deno.readTextFile(`${folder}/log`));
  assert.equal(stages.length, 2);
  for (const stage of stages) await assert.rejects(Deno.stat(stage), Deno.errors.NotFound);
});

Deno.test("deploy: one file under two names, which is not sent again when it is there", async () => {
  await using box = await sandbox();
  const { folder, env } = box;
  const deployed = async () => {
    await Deno.writeTextFile(`${folder}/log`, "");
    const { code, stderr } = await runProgram("ipbench", ["deploy", ...place(folder), "lab1"], { env });
    assert.equal(code, 0, stderr);
    const [one, two] = ["ipbench", "ipbenchd"].map((name) => Deno.lstatSync(`${folder}/bin/${name}`));
    assert.ok(one!.isFile && two!.isFile);
    assert.equal(one!.ino, two!.ino, "hard links");
    return { stderr, copied: (await Deno.readTextFile(`${folder}/log`)).includes("cat >") };
  };
  assert.equal((await deployed()).copied, true);
  const again = await deployed();
  assert.equal(again.copied, false);
  assert.match(again.stderr, /^ipbench: lab1: the program is there already$/m);
  // Two copies, as an older deploy left them, become one file; another program is sent.
  await Deno.remove(`${folder}/bin/ipbenchd`);
  await Deno.copyFile(`${folder}/bin/ipbench`, `${folder}/bin/ipbenchd`);
  assert.equal((await deployed()).copied, false);
  await Deno.remove(`${folder}/bin/ipbenchd`);
  await Deno.symlink("ipbench", `${folder}/bin/ipbenchd`);
  assert.equal((await deployed()).copied, false);
  await Deno.writeTextFile(`${folder}/program`, `${PROGRAM}# A later version.\n`);
  assert.equal((await deployed()).copied, true);
  assert.equal(await Deno.readTextFile(`${folder}/bin/ipbenchd`), `${PROGRAM}# A later version.\n`);
  const left = Array.from(Deno.readDirSync(`${folder}/bin`), ({ name }) => name).sort();
  assert.deepEqual(left, ["ipbench", "ipbenchd"]);
});

Deno.test("deploy where no systemd runs changes nothing, and says what to do", async () => {
  await using box = await sandbox();
  const { folder, env } = box;
  await Deno.writeTextFile(`${folder}/broken`, "daemon-reload\n");
  const { code, stdout } = await runProgram("ipbench", ["deploy", ...place(folder), "lab1"], { env });
  assert.deepEqual([code, stdout], [
    1,
    "lab1  failed: there is no systemd that could run a service; --no-service copies the programs alone\n",
  ]);
  assert.deepEqual({ ...await contents(`${folder}/bin`), ...await contents(`${folder}/etc`) }, {});
  assert.deepEqual(stagesIn(await Deno.readTextFile(`${folder}/log`)), []);
  await assert.rejects(Deno.stat(`${folder}/bin`), Deno.errors.NotFound);
});

Deno.test("deploy: a service that does not start leaves a machine as it was, new or upgraded", async () => {
  await using box = await sandbox();
  const { folder, env } = box;
  const there = async () => ({ ...await contents(`${folder}/bin`), ...await contents(`${folder}/etc`) });
  const deployed = (...args: string[]) =>
    runProgram("ipbench", ["deploy", ...place(folder), ...args, "lab1"], { env });
  await Deno.writeTextFile(`${folder}/broken`, "restart\n");
  const fresh = await deployed();
  assert.deepEqual([fresh.code, fresh.stdout], [
    1,
    "lab1  failed: the service did not start: ipbenchd: cannot listen on port 8036\n",
  ]);
  assert.deepEqual(await there(), {});
  for (const name of ["bin", "etc"]) await assert.rejects(Deno.stat(`${folder}/${name}`), `${name} is left`);
  await assert.rejects(Deno.stat(`${folder}/enabled`), "the service is left enabled");

  await Deno.remove(`${folder}/broken`);
  assert.equal((await deployed("--options", "--target")).code, 0);
  const before = await there();
  await Deno.writeTextFile(`${folder}/broken`, "is-active\n"); // The last question.
  await Deno.writeTextFile(`${folder}/program`, `${PROGRAM}# A later version.\n`);
  await Deno.writeTextFile(`${folder}/log`, "");
  assert.equal((await deployed("--no-secret", "--options", "--port 9")).code, 1);
  assert.deepEqual(await there(), before);
  assert.ok(Deno.statSync(`${folder}/enabled`).isFile);
  for (const stage of stagesIn(await Deno.readTextFile(`${folder}/log`))) {
    await assert.rejects(Deno.stat(stage), Deno.errors.NotFound);
  }
});

Deno.test("deploy: certificate and key are handed over by systemd, the key readable by root alone", async () => {
  await using box = await sandbox();
  const { folder, env } = box;
  const dropIn = `${folder}/etc/systemd/system/ipbenchd.service.d/ipbench-tls.conf`;
  const deployed = (...args: string[]) =>
    runProgram("ipbench", ["deploy", ...place(folder), ...args, "me@lab1"], { env });
  await Deno.writeTextFile(`${folder}/lab1.pem`, "-----BEGIN CERTIFICATE-----\n");
  await Deno.writeTextFile(`${folder}/lab1.key`, "-----BEGIN PRIVATE KEY-----\n");
  const given = ["--tls-cert", `${folder}/%h.pem`, "--tls-key", `${folder}/%h.key`];
  const own = await deployed(...given);
  assert.equal(own.code, 0, own.stderr);
  const ours = `${folder}/etc/ipbench`;
  assert.equal(await Deno.readTextFile(`${ours}/tls-key.pem`), "-----BEGIN PRIVATE KEY-----\n");
  assert.equal((await Deno.stat(`${ours}/tls-key.pem`)).mode! & 0o777, 0o600);
  assert.match(
    await Deno.readTextFile(dropIn),
    new RegExp(
      `^\\[Service\\]\nLoadCredential=tls-cert:${ours}/tls-cert\\.pem\nLoadCredential=tls-key:${ours}/tls-key\\.pem\n` +
        `Environment=IPBENCH_TLS_CERT=%d/tls-cert IPBENCH_TLS_KEY=%d/tls-key\n$`,
      "m",
    ),
  );
  const asking = await deployed(...given, "--tls-client-ca", `${folder}/lab1.pem`);
  assert.equal(asking.code, 0, asking.stderr);
  assert.match(await Deno.readTextFile(dropIn), /IPBENCH_TLS_CLIENT_CA=%d\/tls-client-ca$/m);
  assert.equal((await deployed()).code, 0);
  assert.match(await Deno.readTextFile(dropIn), /tls-client-ca:/, "an upgrade leaves it as it is");
  assert.equal((await deployed("--options", "--tls-cert /srv/c.pem --tls-key=/srv/k.pem --port 9")).code, 0);
  assert.match(
    await Deno.readTextFile(dropIn),
    /LoadCredential=tls-cert:\/srv\/c\.pem\nLoadCredential=tls-key:\/srv\/k/,
  );
  assert.equal(await Deno.readTextFile(`${folder}/etc/default/ipbenchd`), 'IPBENCHD_OPTIONS="--port 9"\n');
  assert.equal((await deployed("--options", "--port 9")).code, 0);
  await assert.rejects(Deno.stat(dropIn), Deno.errors.NotFound, "options without TLS take it back");
  for (
    const [args, why] of [
      [["--tls-key", `${folder}/lab1.key`], /--tls-cert and --tls-key belong together/],
      [["--tls-client-ca", `${folder}/lab1.pem`], /--tls-client-ca needs TLS/],
      [["--tls-cert", `${folder}/program`, "--tls-key", `${folder}/lab1.key`], /holds no certificate or key/],
      [["--tls-cert", `${folder}/no.pem`, "--tls-key", `${folder}/lab1.key`], /cannot read .*no\.pem/],
      [[...given, "--options", "--tls-key /srv/k.pem"], /--tls-key is given twice/],
    ] as const
  ) {
    const { code, stderr } = await deployed(...args);
    assert.equal(code, 2);
    assert.match(stderr, why);
  }
});

Deno.test("deploy: Ctrl-C while the service starts there undoes what was installed", async () => {
  await using box = await sandbox();
  const { folder, env } = box;
  await Deno.writeTextFile(`${folder}/slow`, "");
  const { path, args } = programCommand("ipbench");
  const child = new Deno.Command(path, {
    args: [...args, "deploy", ...place(folder), "far"],
    env: { ...env, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const log = () => Deno.readTextFile(`${folder}/log`);
  try {
    await until("the service is being started", 30_000, async () => (await log()).includes("restart"));
    assert.notDeepEqual(await contents(`${folder}/etc`), {});
    kill(child.pid, "SIGINT");
    const { code, stdout } = await deadline("deploy ends", 30_000, child.output());
    assert.deepEqual([code, new TextDecoder().decode(stdout)], [
      130,
      "far  failed: interrupted\n",
    ]);
  } finally {
    kill(child.pid, "SIGKILL");
  }
  assert.deepEqual({ ...await contents(`${folder}/bin`), ...await contents(`${folder}/etc`) }, {});
  for (const name of ["bin", "etc", "enabled"]) await assert.rejects(Deno.stat(`${folder}/${name}`), name);
  for (const stage of stagesIn(await log())) await assert.rejects(Deno.stat(stage), Deno.errors.NotFound);
});

Deno.test({
  name: "deploy on a terminal of 80 columns: a line in place, gone at the end; Ctrl-C clears up (script)",
  ignore: !isInstalled("script"),
}, async () => {
  await using box = await sandbox();
  const { folder, env } = box;
  await Deno.truncate(`${folder}/program`, 3_000_000);
  const words = ["deploy", ...place(folder), "--no-service", "stuck", "lab1"];
  await using terminal = TestTerminal.open("ipbench", words, { env });
  // A pipe takes a little of what nobody reads.
  await terminal.see("how far it is", 30_000, /^stuck {2}copying {3}[0-9] %, 0\.\d of 3\.0 MB$/m);
  await terminal.see("the other machine", 30_000, /^lab1 {3}(ok|failed): /m);
  await terminal.press("\x03");
  assert.equal(await terminal.end(), 130);
  assert.deepEqual(terminal.lines().filter((line) => !line.startsWith("lab1 ")), [
    "ipbench: SIGINT: giving up, and undoing what is half done",
    "stuck  failed: interrupted",
  ]);
  assert.deepEqual(terminal.frames.flat().filter((line) => line.includes("…")), []);
  for (const stage of stagesIn(await Deno.readTextFile(`${folder}/log`))) {
    await assert.rejects(Deno.stat(stage), Deno.errors.NotFound);
  }
});
