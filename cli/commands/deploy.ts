/**
 * `ipbench deploy`: puts this program onto other machines and starts it there, with the system's ssh.
 *
 * @module
 */

import type { Command } from "commander";
import { createHash } from "node:crypto";
import { parseSeconds } from "../../base/units.ts";
import { Semaphore } from "../../base/semaphore.ts";
import { selfPath } from "../../ffi/self/self.ts";
import { deployProblems, type DeployWishes, readDeployFiles } from "../deploy/files.ts";
import { type Deployment, deployTo } from "../deploy/host.ts";
import { openDeployProgress } from "../deploy/progress.ts";
import { repeated } from "../repeated.ts";
import { EXIT, ExitError } from "../exit.ts";
import { expandHosts } from "../input/host_words.ts";
import { plainText } from "../terminal/text.ts";
import { catchInterruption } from "../signals.ts";

/** Machines that are written to at the same time. */
const MAX_PARALLEL = 8;
/** Longest time for one machine, in seconds, when none is given. */
const DEFAULT_TIMEOUT_SECONDS = 300;
const SAFE_HOST = /^[A-Za-z0-9_.][A-Za-z0-9_.@:[\]-]*$/;

const HELP = `
Copies this file to BIN/ipbench on each machine, links it as BIN/ipbenchd,
installs the service and starts it, or restarts it when it was running. A
program that is already there is not sent again. Names, users, ports and keys
come from your ssh configuration; no password is asked for. Root is needed
there: log in as root, or have sudo without a password. Results go to stdout,
one line for each machine, progress to stderr. A machine on which something
fails (no systemd, a full disk, a service that does not start), or that Ctrl-C
leaves unfinished, is put back as it was before.

Daemons ask for a secret: the one that --secret-file or IPBENCH_SECRET_FILE
names, else ~/.config/ipbench/secret, which is created when it does not exist
and which ipbench finds by itself. It is installed as ETC/ipbench/secret (root,
mode 0600) and passed to the service, whose user cannot read it, by systemd
(LoadCredential). Whoever else is to use the daemons needs a copy. Controllers
of the original know no secrets: for them give --no-secret. --tls-cert,
--tls-key and --tls-client-ca are installed and passed on in the same way.
Inside --options these, and --secret-file, name files that are already on the
machine. Without --options a machine keeps the options it has.

Examples:
  ipbench deploy lab1 lab2 root@lab3
  ipbench deploy "root@lab[01-16]" @others
  ipbench deploy --options "--target --secret-file /etc/ipbench.secret" lab9
  ipbench deploy --tls-cert certs/%h.pem --tls-key certs/%h.key lab1 lab2
  ipbench deploy --no-service --bin /opt/ipbench/bin lab4

Exit status: 0 all done, 1 one failed, 2 wrong use, 130 ended by Ctrl-C.
`;

interface DeployOptions extends DeployWishes {
  binary?: string;
  service: boolean;
  sshOption?: string[];
  timeout?: string;
}

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  program.command("deploy").description("install or upgrade the daemon on other machines")
    .argument("<host...>", "HOST or USER@HOST, as ssh knows it; lab[01-64]; @FILE of these")
    .option("--options <text>", "command line of the daemon there, such as --target (default: as it is)")
    .option("--bin <dir>", "folder for the programs there", "/usr/local/bin")
    .option("--etc <dir>", "folder for the service's files there", "/etc")
    .option("--secret-file <file>", "the secret to install there (default: see below)")
    .option("--no-secret", "let the daemons ask for none: anybody who reaches them can use them")
    .option(
      "--tls-cert <file>",
      "let the daemons speak TLS with this certificate (PEM); %h in it is the host",
    )
    .option("--tls-key <file>", "its key (PEM), which only the service can read there")
    .option(
      "--tls-client-ca <file>",
      "let them serve only controllers with a certificate of this authority (PEM)",
    )
    .option("--no-service", "copy the programs, install and start nothing")
    .option("--binary <file>", "the file to copy (default: this program)")
    .option(
      "--ssh-option <option>",
      "an option for ssh, such as Port=2222; repeatable",
      repeated,
    )
    .option("--timeout <time>", `longest time for one machine (default: ${DEFAULT_TIMEOUT_SECONDS}s)`)
    .addHelpText("after", HELP)
    .action(async (hosts: string[], options: DeployOptions) =>
      await deploy([...new Set(await expandHosts(hosts, null))], options)
    );
}

async function deploy(hosts: string[], options: DeployOptions): Promise<void> {
  const timeoutMs = checkOptions(hosts, options) * 1000;
  const program = await readProgram(options.binary ?? selfPath());
  const files = options.service ? await readDeployFiles(hosts, options) : null;
  const nothing = { always: [], unlessThere: [] };
  const progress = openDeployProgress(Math.max(...hosts.map((host) => host.length)));
  using interruption = catchInterruption((name) =>
    progress.line(`ipbench: ${name}: giving up, and undoing what is half done`)
  );
  const lanes = new Semaphore(MAX_PARALLEL);
  const failed = new Set<string>();
  const one = async (host: string): Promise<void> => {
    const signal = AbortSignal.any([interruption.signal, AbortSignal.timeout(timeoutMs)]);
    const deployment: Deployment = {
      program,
      files: files?.get(host) ?? nothing,
      bin: options.bin.replace(/\/+$/, "") || "/",
      service: options.service,
      sshOptions: options.sshOption ?? [],
    };
    const text = await deployTo(host, deployment, progress, signal).catch((error: Error) => {
      failed.add(host);
      return `failed: ${error.message}`;
    });
    progress.done(host, text);
  };
  try {
    await Promise.all(hosts.map((host) => lanes.run(() => one(host))));
  } finally {
    progress.close();
  }
  if (interruption.signal.aborted) throw new ExitError(EXIT.INTERRUPTED);
  if (failed.size > 0) throw new ExitError(EXIT.FAILED);
}

/** Checks all that was typed; gives the time-out in seconds. */
function checkOptions(hosts: readonly string[], options: DeployOptions): number {
  const wrong = hosts.filter((host) => !SAFE_HOST.test(host)).map((host) =>
    `"${plainText(host)}" is not a host`
  );
  wrong.push(...deployProblems(options));
  const seconds = options.timeout === undefined ? DEFAULT_TIMEOUT_SECONDS : parseSeconds(options.timeout);
  if (seconds === null || seconds <= 0) {
    wrong.push(`--timeout: "${options.timeout}" is not a time; expected such as 90s`);
  }
  if (wrong.length > 0) throw new ExitError(EXIT.USAGE, wrong.join("\n"));
  return seconds ?? DEFAULT_TIMEOUT_SECONDS;
}

async function readProgram(path: string | null): Promise<Deployment["program"]> {
  if (path === null) {
    throw new ExitError(
      EXIT.USAGE,
      "this runs from its sources; name the built program with --binary dist/ipbench",
    );
  }
  const info = await Deno.stat(path).catch(() => null);
  if (info?.isFile !== true) throw new ExitError(EXIT.USAGE, `there is no file ${path} to copy`);
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  for await (const piece of file.readable) hash.update(piece);
  return { path, bytes: info.size, sha256: hash.digest("hex") };
}
