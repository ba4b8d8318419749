/**
 * What a daemon reports of itself: STATUS.
 *
 * @module
 */
import type { Address } from "../../config/address.ts";
import { type Greeting, parseStatus, type Status } from "../../protocol/mod.ts";
import { type DaemonAccess, greetDaemon, openDaemon } from "./daemon_access.ts";

/**
 * Asks a daemon what it does.
 *
 * @param address The daemon.
 * @param access How to reach it.
 * @param authenticate Whether to prove the secret where one is asked for; STATUS itself needs none.
 * @returns Its greeting and its status; `null` where it refuses to report one, or answers 200 alone, as targets without an
 * operating system do.
 * @throws {ConnectionError | ProtocolError} when it cannot be reached or makes no sense.
 */
export async function askStatus(
  address: Address,
  access: DaemonAccess,
  authenticate: boolean,
): Promise<{ greeting: Greeting; status: Status | null }> {
  const { connection, greeting } = authenticate
    ? await openDaemon(address, access)
    : await greetDaemon(address, access);
  try {
    await connection.send({ name: "STATUS" });
    const answer = await connection.receive(access.limits.replyMs);
    const status = answer.type === "reply" ? parseStatus(answer.text) : null;
    const tellsNothing = answer.type === "reply" && answer.text.length === 0 &&
      greeting.extensions.size === 0 &&
      [200, 400, 500].includes(answer.reply.code);
    if (status === null && !tellsNothing) {
      throw new Error("the answer to STATUS makes no sense; is that an ipbench daemon?");
    }
    // An original takes anybody's QUIT for the end of the test that it runs.
    if (greeting.extensions.size > 0) await connection.send({ name: "QUIT" });
    return { greeting, status };
  } finally {
    connection.close();
  }
}
