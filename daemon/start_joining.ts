/**
 * A daemon that dials in, from its command line, and when one for a single run ends.
 *
 * @module
 */
import { fileReason } from "../base/errors.ts";
import { sdNotify } from "../ffi/self/notify.ts";
import { setProcessTitle } from "../ffi/self/process_title.ts";
import { VERSION } from "../ffi/self/version.ts";
import { socketAddress, toJoinName } from "../protocol/mod.ts";
import { UsageError } from "./failure.ts";
import { Joining } from "./joining.ts";
import { JOIN_BACK_MS, JOIN_ONCE_MS } from "./limits.ts";
import { type DaemonOptions, isOpen } from "./options.ts";
import type { SessionContext } from "./session_types.ts";

/**
 * Begins to dial in.
 *
 * @param options The command line.
 * @param join The controller.
 * @param context What sessions share.
 * @param runs How many tests were run so far.
 * @param end Called, with why, when a daemon for one run is to end.
 * @throws {UsageError} when the authority cannot be read.
 */
export function startJoining(
  options: DaemonOptions,
  join: NonNullable<DaemonOptions["join"]>,
  context: SessionContext,
  runs: () => number,
  end: (why: string) => void,
): Joining {
  const { log, prover } = context;
  const beganMs = performance.now();
  let joinedMs: number | null = null;
  /** It is without a connection, whose end that was or after an attempt that failed. */
  const onIdle = ({ joined, final }: { joined: boolean; final: boolean }): void => {
    const nowMs = performance.now();
    if (joined) joinedMs = nowMs;
    const isLate = joinedMs === null ? nowMs - beganMs > JOIN_ONCE_MS : nowMs - joinedMs > JOIN_BACK_MS;
    if (runs() > 0) end("its run is over");
    else if (final) end("the controller refuses it");
    else if (isLate) end("no controller takes it");
  };
  const joining = new Joining({
    ...join,
    as: { role: options.role, index: options.index, name: toJoinName(Deno.hostname()) },
    caCerts: options.tlsCa === null ? null : [readAuthority(options.tlsCa)],
    prover,
    context: { ...context, prover: null },
    log,
    ...options.once && { onIdle },
  });
  const place = socketAddress(join.host, join.port);
  setProcessTitle(`ipbenchd: ${options.role} for ${place}`);
  const properties = { event: "joining", version: VERSION, role: options.role, address: place };
  log.info(`version ${VERSION}, ${options.role}: dials in at ${place}`, properties);
  if (isOpen(options)) {
    log.warn(
      "whoever answers at {place} can run tests here against machines that are near: --secret-file limits that",
      {
        place,
      },
    );
  }
  sdNotify("READY=1");
  joining.start();
  return joining;
}

function readAuthority(path: string): string {
  try {
    const text = Deno.readTextFileSync(path);
    if (!text.includes("-----BEGIN CERTIFICATE-----")) {
      throw new Error("there is no certificate in PEM in it");
    }
    return text;
  } catch (error) {
    throw new UsageError(`cannot read the authority ${path}: ${fileReason(error)}`, { cause: error });
  }
}
