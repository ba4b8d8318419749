/** Testers that Ansible and ClusterShell start, over sshd in network namespaces. */
import assert from "node:assert/strict";
import { MeshLab } from "../fixtures/network/mesh_lab.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import {
  deadline,
  freePort,
  isInstalled,
  kill,
  programCommand,
  projectRoot,
  soundVerdict,
  until,
} from "../util/mod.ts";

const HOSTS = 3;
const hasSsh = MeshLab.canRun() && isInstalled("sshd") && isInstalled("ssh");
const RUN = `<ipbench><test name="dummy" args="seconds=0.5" target="127.0.0.1"><clients/></test></ipbench>`;

async function call(program: string, args: string[], options: Deno.CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args,
    stdin: "null",
    signal: AbortSignal.timeout(120_000),
    ...options,
  }).output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.equal(code, 0, `${program}: ${said}`);
  return said;
}

/** Hosts with an sshd each, and the options with which ssh gets into them. */
class SshLab implements AsyncDisposable {
  readonly #children: Deno.ChildProcess[] = [];

  private constructor(readonly lab: MeshLab, readonly folder: TemporaryFolder) {}

  static async start(): Promise<SshLab> {
    const own = new SshLab(await MeshLab.start(HOSTS), TemporaryFolder.make());
    try {
      await own.#begin();
      return own;
    } catch (error) {
      await own[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #begin(): Promise<void> {
    const { path } = this.folder;
    for (const name of ["host", "own"]) {
      await call("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", `${path}/${name}`]);
    }
    await Deno.mkdir("/run/sshd", { recursive: true }); // where sshd gives up its rights
    const sshd = this.folder.write(
      "sshd_config",
      [
        `HostKey ${path}/host`,
        `AuthorizedKeysFile ${path}/own.pub`,
        "StrictModes no",
        "PidFile none",
        "UsePAM no",
        "PermitRootLogin prohibit-password",
        "PasswordAuthentication no",
        "Subsystem sftp internal-sftp",
        "MaxStartups 100",
      ].join("\n") + "\n",
    );
    this.folder.write(
      "ssh_config",
      [
        "BatchMode yes",
        "StrictHostKeyChecking no",
        `UserKnownHostsFile ${path}/known`,
        `IdentityFile ${path}/own`,
        "IdentitiesOnly yes",
        "LogLevel ERROR",
        "User root",
      ].join("\n") + "\n",
    );
    for (let n = 1; n <= HOSTS; n++) {
      const [program = "", ...wrap] = this.lab.wrap(n);
      const args = [...wrap, "/usr/sbin/sshd", "-D", "-e", "-f", sshd];
      this.#children.push(
        new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" }).spawn(),
      );
      await until(
        `sshd of host ${n} answers`,
        20_000,
        () =>
          new Deno.Command("ssh", { args: ["-F", this.ssh, this.lab.address(n), "true"] }).output().then(
            ({ success }) => success,
          ),
      );
    }
  }

  /** Configuration of ssh. */
  get ssh(): string {
    return `${this.folder.path}/ssh_config`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      kill(child.pid, "SIGTERM");
      await child.status;
    }
    await this.lab[Symbol.asyncDispose]();
    this.folder[Symbol.dispose]();
  }
}

/** A controller that waits for the testers of all hosts; `ended`: the numbers of those that took part. */
function controller(ssh: SshLab): { address: string; secret: string; ended: () => Promise<string[]> } {
  const { path } = ssh.folder;
  const secret = ssh.folder.write("secret", crypto.randomUUID());
  Deno.chmodSync(secret, 0o600);
  const address = `${ssh.lab.address(254)}:${freePort()}`;
  const command = programCommand("ipbench");
  const child = new Deno.Command(command.path, {
    args: [
      ...command.args,
      "run",
      ssh.folder.write("run.xml", RUN),
      ...[
        "--listen",
        address,
        "--expect",
        String(HOSTS),
        "--secret-file",
        secret,
        "--json",
        `${path}/r.json`,
      ],
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const said = new Response(child.stderr).text();
  return {
    address,
    secret,
    async ended() {
      const { code } = await deadline("the run ends", 60_000, child.status);
      assert.equal(code, 0, await said);
      const document = JSON.parse(await Deno.readTextFile(`${path}/r.json`));
      soundVerdict(document);
      return document.clients.map(({ host }: { host: string }) => host.split("@")[0]);
    },
  };
}

const PAGE = await Deno.readTextFile(`${projectRoot()}/docs/schedulers.md`);
const LINES = [...PAGE.matchAll(/^clush .*$/gm)].map(([line]) => line);
assert.equal(LINES.length, 2);

for (const [n, line] of LINES.entries()) {
  Deno.test({
    name: `ClusterShell: line ${n + 1} of the documentation starts testers on all hosts`,
    ignore: !hasSsh || !isInstalled("clush"),
  }, async () => {
    await using ssh = await SshLab.start();
    const { address, secret, ended } = controller(ssh);
    const made = line.replace("clush -w", `clush -o "-F ${ssh.ssh}" -w`)
      .replace("ssh %host", `ssh -F ${ssh.ssh} %host`)
      .replace("lab[01-64]", `${ssh.lab.subnet}.[1-${HOSTS}]`)
      .replace("ipbenchd ", `${projectRoot()}/dist/ipbenchd `)
      .replace("controller:8038", address)
      .replace("<secret", `<${secret}`)
      .replace("/etc/ipbench/secret", secret);
    await call("sh", ["-c", made]);
    assert.deepEqual(await ended(), ["0", "1", "2"]);
  });
}

Deno.test({
  name: "Ansible: the role copies program and secret and starts a tester on each host",
  ignore: !hasSsh || !isInstalled("ansible-playbook"),
}, async () => {
  await using ssh = await SshLab.start();
  const { address, secret, ended } = controller(ssh);
  const { path } = ssh.folder;
  // All hosts have the files of this machine, so each gets a folder of its own.
  const hosts = Array.from(
    { length: HOSTS },
    (_, n) =>
      `${ssh.lab.address(n + 1)} ipbench_folder=${path}/host${
        n + 1
      } ansible_python_interpreter=/usr/bin/python3`,
  );
  const inventory = ssh.folder.write("hosts", ["[testers]", ...hosts].join("\n") + "\n");
  const said = await call("ansible-playbook", [
    ...["-i", inventory, `${projectRoot()}/packaging/ansible/testers.yml`, "-e", "ipbench_hosts=testers"],
    ...["-e", `ipbench_controller=${address}`, "-e", `ipbench_secret=${secret}`],
    ...["-e", `ipbench_program=${projectRoot()}/dist/ipbenchd`],
  ], { env: { ANSIBLE_SSH_ARGS: `-F ${ssh.ssh}`, ANSIBLE_NOCOLOR: "1", HOME: path } });
  assert.deepEqual(await ended(), ["0", "1", "2"]);
  assert.doesNotMatch(said, /WARNING|unreachable=[1-9]/);
  assert.equal((await Deno.stat(`${path}/host1/secret`)).mode! & 0o777, 0o600);
});
