/**
 * `ipbench deploy` to one machine, with the system's ssh.
 *
 * @module
 */

import { messageOf } from "../../base/errors.ts";
import type { DeployProgress } from "./progress.ts";
import { megabytes } from "./progress.ts";
import {
  CLEAR_SCRIPT,
  type DeployFiles,
  INSPECT_SCRIPT,
  installScript,
  UNFIT,
  uploadCommand,
} from "./script.ts";
import { endedBy, type Finished, runTool } from "../system_tool.ts";

/** How long clearing up on a machine may take that failed. */
const CLEAR_UP_MS = 10_000;
/** Status of ssh itself, when it is not that of the command. */
const SSH_FAILED = 255;
const CHUNK_BYTES = 64 * 1024;

/** What is put onto a machine. */
export interface Deployment {
  /** The program. */
  program: { path: string; bytes: number; sha256: string };
  files: DeployFiles;
  /** Folder for the programs there. */
  bin: string;
  service: boolean;
  sshOptions: string[];
}

/**
 * Does it.
 *
 * @param host as ssh knows it
 * @param deployment what is put there
 * @param progress receives each step
 * @param signal ends it; what was done there is undone
 * @returns what is there now
 * @throws {Error} with what went wrong in words
 */
export async function deployTo(
  host: string,
  deployment: Deployment,
  progress: DeployProgress,
  signal: AbortSignal,
): Promise<string> {
  const { program, files, bin, service } = deployment;
  const ssh = (command: string, stdin: string | AsyncIterable<Uint8Array>, until = signal) => {
    const options = ["BatchMode=yes", ...deployment.sshOptions].flatMap((option) => ["-o", option]);
    return runTool("ssh", [...options, "--", host, command], stdin, until);
  };
  const script = (text: string, words: string[], until = signal) =>
    ssh(["sh", "-s", "--", ...words].join(" "), text, until);
  const what = service ? "service" : "copy";
  progress.step(host, "looking");
  const there = succeed(await script(INSPECT_SCRIPT, [bin, what])).stdout;
  const stage = `/tmp/ipbench-deploy.${crypto.randomUUID()}`;
  try {
    const same = there.trim().split(/\s/)[0] === program.sha256;
    if (same) progress.step(host, "the program is there already");
    else {
      progress.step(host, `copying the program, ${megabytes(program.bytes)} MB`);
      const pieces = piecesOf(program.path, (sent) => progress.sent(host, sent, program.bytes));
      succeed(await ssh(uploadCommand(stage), pieces));
    }
    progress.step(host, service ? "installing, and starting the service" : "installing");
    const done = succeed(await script(installScript(files), [stage, bin, what, same ? "same" : "new"]));
    return `ok: ${done.stdout.trim().split("\n").join(", ")}`;
  } catch (error) {
    progress.step(host, "clearing up");
    const cleared = await script(CLEAR_SCRIPT, [stage], AbortSignal.timeout(CLEAR_UP_MS)).then(
      ({ code }) => code === 0,
      () => false,
    );
    const left = cleared ? "" : `; ${stage} may still be there, remove it`;
    // Ctrl-C reaches ssh as well as us, and perhaps before us.
    const why = signal.aborted ? endedBy(signal) : messageOf(error);
    throw new Error(why + left, { cause: error });
  }
}

async function* piecesOf(path: string, sent: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path);
  let total = 0;
  for (;;) {
    const piece = new Uint8Array(CHUNK_BYTES);
    const count = await file.read(piece);
    if (count === null) return;
    yield piece.subarray(0, count);
    total += count;
    sent(total);
  }
}

function succeed(finished: Finished): Finished {
  if (finished.code === 0) return finished;
  const message = finished.stderr.trim().split("\n").at(-1) ?? "";
  if (finished.code === UNFIT && message !== "") throw new Error(message);
  const who = finished.code === SSH_FAILED ? "ssh" : "the command there";
  throw new Error(`${who} ended with status ${finished.code}${message === "" ? "" : `: ${message}`}`);
}
