/**
 * From a run's description to the place where its daemons dial in.
 *
 * @module
 */

import type { RunDescription } from "../../config/run_description.ts";
import type { DaemonAccess } from "../link/daemon_access.ts";
import { readPem } from "../link/read_access.ts";
import { MANY_UNPROVEN, MAX_TOLD_REFUSALS, MIN_UNPROVEN, OTHER_FILES } from "../limits.ts";
import { Reception } from "./reception.ts";

/**
 * Begins to listen, where a run has daemons that dial in.
 *
 * @param description the run
 * @param prover knows the secret
 * @param warn gets what the user should know
 * @returns `null` when nobody dials in
 * @throws {TypeError} when it cannot listen there, or not for so many daemons
 */
export async function openReception(
  { listen, clients, targets }: RunDescription,
  { prover }: Pick<DaemonAccess, "prover">,
  warn: (text: string) => void,
): Promise<Reception | null> {
  if (listen === undefined) return null;
  const count = (daemons: readonly { joins?: number }[]) =>
    daemons.filter(({ joins }) => joins !== undefined).length;
  const expected = { tester: count(clients), target: count(targets) };
  // Those that are connected to have a second connection each.
  const joining = expected.tester + expected.target;
  const all = clients.length + targets.length;
  const files = joining + 2 * (all - joining) + MIN_UNPROVEN + OTHER_FILES;
  const limit = openFilesLimit();
  if (files > limit) {
    throw new TypeError(`${all} daemons need ${files} open files, and ${limit} are allowed here (ulimit -n)`);
  }
  let told = 0;
  const reception = await Reception.open({
    host: listen.host,
    port: listen.port,
    tls: await readCertificate(listen.tls),
    prover,
    expected,
    maxUnproven: Math.min(Math.max(MANY_UNPROVEN, joining), limit - files + MIN_UNPROVEN),
    onRefused: (sentence) => {
      told++;
      if (told <= MAX_TOLD_REFUSALS) warn(sentence);
      if (told === MAX_TOLD_REFUSALS) warn("further refusals are not reported one by one");
    },
  });
  if (prover === null && !/^(127\.|\[::1\])/.test(reception.address)) {
    warn(
      `anybody who reaches ${reception.address} can take part in this run: there is no secret; ` +
        "give --secret-file FILE (ipbenchd --new-secret FILE makes one)",
    );
  }
  return reception;
}

async function readCertificate(
  tls: { cert: string; key: string } | undefined,
): Promise<{ cert: string; key: string } | null> {
  if (tls === undefined) return null;
  return { cert: await readPem("the certificate", tls.cert), key: await readPem("the key", tls.key) };
}

/** The runtime raises its own limit as far as it may. */
function openFilesLimit(): number {
  try {
    const text = Deno.readTextFileSync("/proc/self/limits");
    return Number(/^Max open files\s+([0-9]+)/m.exec(text)?.[1] ?? Infinity);
  } catch {
    return Infinity;
  }
}
