/**
 * `ipbench deploy`: puts this program onto other machines with the system's scp and starts it there with the system's ssh.
 *
 * @module
 */

import type { Command } from "@commander-js/extra-typings";
import { parseSeconds } from "../config/units.ts";
import { Semaphore } from "../controller/semaphore.ts";
import { selfPath } from "../ffi/self.ts";
import { secretFromFile } from "../protocol/auth.ts";
import unitFile from "../packaging/ipbenchd.service" with { type: "text" };
import { DEPLOY_SCRIPT } from "./deploy_script.ts";
import { EXIT, ExitError } from "./exit.ts";
import { plainText } from "./format.ts";
import { note, out } from "./io.ts";
import { findSecretFile, makeOwnSecretFile } from "./secret.ts";
import { catchInterruption } from "./signals.ts";
import { type Finished, runTool } from "./system_tool.ts";

/** Machines that are written to at the same time. */
const MAX_PARALLEL = 8;
/** Longest time for one machine, in seconds, when none is given. */
const DEFAULT_TIMEOUT_SECONDS = 300;
/** How long clearing up on a machine may take that failed. */
const CLEAN_UP_MS = 5_000;
/** Folder names and options go into a remote command line: only characters that mean nothing to a shell. */
const SAFE_PATH = /^\/[A-Za-z0-9._/-]*$/;
const SAFE_STAGE = /^\/tmp\/ipbench-deploy\.[A-Za-z0-9]+$/;
const SAFE_OPTIONS = /^[A-Za-z0-9 ._:/=,@[\]-]*$/;
const SAFE_HOST = /^[A-Za-z0-9_.][A-Za-z0-9_.@:[\]-]*$/;

const HELP = `
Copies this file to BIN/ipbench and BIN/ipbenchd on each machine, installs the service and starts it, or restarts it
when it ran. Names, users, ports and keys are those of your ssh configuration; nobody is asked for a password. Root is
needed there: log in as root, or be allowed sudo without a password. One line a machine on stdout.

Daemons ask for a secret: the one that --secret-file or IPBENCH_SECRET_FILE names, else ~/.config/ipbench/secret, which is
made when it is not there and which ipbench finds by itself. It is installed as ETC/ipbench/secret (root, mode 0600) and
handed to the service, whose user cannot read it, by systemd (LoadCredential). Others who are to use the daemons need a
copy; controllers of the original have no secrets: for them say --no-secret. A --secret-file in --options names one that
is there already. What a machine has been given before stays without --options.

Examples:
  ipbench deploy lab1 lab2 root@lab3
  ipbench deploy --options "--target --secret-file /etc/ipbench.secret" lab9
  ipbench deploy --no-service --bin /opt/ipbench/bin lab4

Exit status: 0 all done, 1 one failed, 2 wrong use, 130 ended by Ctrl-C.
`;

interface DeployOptions {
  /** A path; `false`: ask for none. */
  secretFile?: string;
  secret: boolean;
  bin: string;
  etc: string;
  binary?: string;
  options?: string;
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
    .argument("<host...>", "HOST or USER@HOST, as ssh knows it")
    .option("--options <text>", "command line of the daemon there, such as --target (default: as it is)")
    .option("--bin <dir>", "folder for the programs there", "/usr/local/bin")
    .option("--etc <dir>", "folder for the service's files there", "/etc")
    .option("--secret-file <file>", "the secret to install there (default: see below)")
    .option("--no-secret", "let the daemons ask for none: anybody who reaches them can use them")
    .option("--no-service", "copy the programs, install and start nothing")
    .option("--binary <file>", "the file to copy (default: this program)")
    .option(
      "--ssh-option <option>",
      "an option for ssh and scp, such as Port=2222; may be given many times",
      (value: string, before: string[] | undefined) => [...before ?? [], value],
    )
    .option("--timeout <time>", `longest time for one machine (default: ${DEFAULT_TIMEOUT_SECONDS}s)`)
    .addHelpText("after", HELP)
    .action(async (hosts, options) => await deploy(hosts, options as DeployOptions));
}

async function deploy(hosts: string[], options: DeployOptions): Promise<void> {
  const timeoutMs = checkOptions(hosts, options) * 1000;
  const binary = options.binary ?? selfPath();
  if (binary === null) {
    throw new ExitError(
      EXIT.USAGE,
      "this runs from its sources; name the built program with --binary dist/ipbench",
    );
  }
  if (!(await Deno.stat(binary).then((info) => info.isFile, () => false))) {
    throw new ExitError(EXIT.USAGE, `there is no file ${binary} to copy`);
  }
  const local = await Deno.makeTempDir({ prefix: "ipbench-deploy-" });
  using interruption = catchInterruption((name) => note(`ipbench: ${name}: giving up`));
  try {
    const files = await stageLocally(local, options);
    const lanes = new Semaphore(MAX_PARALLEL);
    const width = Math.max(...hosts.map((host) => host.length));
    let failed = false;
    await Promise.all(hosts.map((host) =>
      lanes.run(async () => {
        const signal = AbortSignal.any([interruption.signal, AbortSignal.timeout(timeoutMs)]);
        const text = await deployTo(host, [binary, ...files], options, signal).catch((error: Error) => {
          failed = true;
          return `failed: ${error.message}`;
        });
        out(`${host.padEnd(width)}  ${plainText(text)}\n`);
      })
    ));
    if (interruption.signal.aborted) throw new ExitError(EXIT.INTERRUPTED);
    if (failed) throw new ExitError(EXIT.FAILED);
  } finally {
    await Deno.remove(local, { recursive: true });
  }
}

/** Checks all that was typed; gives the time-out in seconds. */
function checkOptions(hosts: readonly string[], options: DeployOptions): number {
  const wrong = hosts.filter((host) => !SAFE_HOST.test(host)).map((host) =>
    `"${plainText(host)}" is not a host`
  );
  for (const name of ["bin", "etc"] as const) {
    if (!SAFE_PATH.test(options[name])) {
      wrong.push(`--${name}: "${options[name]}" is not a plain absolute path`);
    }
  }
  if (options.options !== undefined && !SAFE_OPTIONS.test(options.options)) {
    wrong.push(`--options: only letters, digits, spaces and ._:/=,@[]- can be passed on`);
  }
  const seconds = options.timeout === undefined ? DEFAULT_TIMEOUT_SECONDS : parseSeconds(options.timeout);
  const { secretFile } = takeSecretFile(options.options ?? "");
  if (secretFile !== null && !SAFE_PATH.test(secretFile)) {
    wrong.push(`--options: --secret-file "${secretFile}" is not a plain absolute path`);
  }
  if (seconds === null || seconds <= 0) {
    wrong.push(`--timeout: "${options.timeout}" is not a time; expected such as 90s`);
  }
  if (wrong.length > 0) throw new ExitError(EXIT.USAGE, wrong.join("\n"));
  return seconds ?? DEFAULT_TIMEOUT_SECONDS;
}

/** Writes the small files that go along, and gives their paths. */
async function stageLocally(folder: string, options: DeployOptions): Promise<string[]> {
  if (!options.service) return [];
  const unit = `${folder}/ipbenchd.service`;
  await Deno.writeTextFile(
    unit,
    unitFile.replaceAll("/usr/local/bin/", `${options.bin.replace(/\/$/, "")}/`),
  );
  if (options.options === undefined) return [unit, ...await stageSecret(folder, options, null)];
  const { words, secretFile } = takeSecretFile(options.options);
  const settings = `${folder}/ipbenchd.default`;
  await Deno.writeTextFile(settings, `IPBENCHD_OPTIONS="${words}"\n`);
  const dropIn = await stageSecret(folder, options, secretFile);
  return [unit, settings, ...dropIn];
}

/** Writes what makes the daemon ask for a secret, and the secret itself where it is ours. */
async function stageSecret(folder: string, options: DeployOptions, there: string | null): Promise<string[]> {
  const dropIn = `${folder}/ipbenchd-secret.conf`;
  if (there !== null || !options.secret) {
    await Deno.writeTextFile(dropIn, there === null ? NO_CREDENTIAL : credential(there));
    return [dropIn];
  }
  const copy = `${folder}/ipbench.secret`;
  await Deno.writeFile(copy, secretFromFile(await Deno.readFile(chooseSecret(options))), { mode: 0o600 });
  await Deno.writeTextFile(dropIn, credential(`${options.etc.replace(/\/$/, "")}/ipbench/secret`));
  return [dropIn, copy];
}

/** The secret to install; tells where it is. */
function chooseSecret(options: DeployOptions): string {
  const named = findSecretFile(options.secretFile);
  const { path, made } = named === undefined ? makeOwnSecretFile() : { path: named, made: false };
  note(
    `ipbench: the daemons ask for the secret in ${path}${
      made ? ", which is new" : ""
    }; others who are to use them need a copy`,
  );
  return path;
}

/** What the drop-in says when no secret is asked for: it takes the place of an older one. */
const NO_CREDENTIAL = "# Written by ipbench deploy: --no-secret.\n";

function credential(path: string): string {
  return "# Written by ipbench deploy: the service's user cannot read the file, systemd hands it over.\n" +
    `[Service]\nLoadCredential=secret:${path}\nEnvironment=IPBENCH_SECRET_FILE=%d/secret\n`;
}

/** Takes `--secret-file` out of the daemon's command line; the last one counts, as there. */
function takeSecretFile(text: string): { words: string; secretFile: string | null } {
  let secretFile: string | null = null;
  const words = text.replace(/(^|\s)--secret-file(?:=|\s+)(\S+)/g, (_match, before: string, path: string) => {
    secretFile = path;
    return before;
  });
  return { words: words.trim().replace(/\s+/g, " "), secretFile };
}

async function deployTo(
  host: string,
  files: string[],
  options: DeployOptions,
  signal: AbortSignal,
): Promise<string> {
  const common = ["-o", "BatchMode=yes", ...(options.sshOption ?? []).flatMap((option) => ["-o", option])];
  const ssh = (command: string, stdin = "") =>
    runTool("ssh", [...common, "--", host, command], stdin, signal);
  const name = files[0]?.split("/").at(-1) ?? "ipbench";
  if (!SAFE_PATH.test(`/${name}`)) throw new Error(`the name ${name} cannot be passed on; rename the file`);
  const made = succeed("ssh", await ssh("umask 077; mktemp -d /tmp/ipbench-deploy.XXXXXXXXXX"));
  const stage = made.stdout.trim();
  if (!SAFE_STAGE.test(stage)) {
    throw new Error(`ssh: expected the name of a folder, got "${stage.slice(0, 80)}"`);
  }
  try {
    // An IPv6 address needs brackets for scp, and none for ssh.
    const scpHost = host.includes(":") && !host.includes("[") ? `[${host}]` : host;
    succeed(
      "scp",
      await runTool("scp", ["-q", ...common, "--", ...files, `${scpHost}:${stage}/`], "", signal),
    );
    const keep = options.options === undefined && options.secretFile === undefined && options.secret;
    const what = options.service ? keep ? "upgrade" : "service" : "copy";
    const words = [stage, options.bin, options.etc, what, name];
    const done = succeed("ssh", await ssh(`sh -s -- ${words.join(" ")}`, DEPLOY_SCRIPT));
    return `ok: ${done.stdout.trim().split("\n").join(", ")}`;
  } catch (error) {
    // The script clears up behind itself; when it did not come to run, nobody else does.
    const patience = AbortSignal.timeout(CLEAN_UP_MS);
    const cleared = await runTool("ssh", [...common, "--", host, `rm -rf ${stage}`], "", patience).then(
      ({ code }) => code === 0,
      () => false,
    );
    const left = cleared ? "" : `; ${stage} may still be there, remove it`;
    throw new Error(`${error instanceof Error ? error.message : error}${left}`, { cause: error });
  }
}

function succeed(tool: string, finished: Finished): Finished {
  if (finished.code === 0) return finished;
  const said = finished.stderr.trim().split("\n").at(-1) ?? "";
  throw new Error(`${tool} ended with status ${finished.code}${said === "" ? "" : `: ${said}`}`);
}
