import assert from "node:assert/strict";
import { ConnectionError } from "./connection_error.ts";
import { dial, dialFirst } from "./dial.ts";

interface Made {
  address: string;
  close(): void;
}

/** Addresses that behave as their names say. */
function attempts(log: string[]) {
  return {
    connect(address: string, signal: AbortSignal): Promise<Made> {
      log.push(address);
      if (address.startsWith("refuses")) return Promise.reject(new Error(`${address} refused`));
      if (address.startsWith("tls")) return Promise.reject(new ConnectionError("connect", "TLS failed"));
      const made = { address, close: () => void log.push(`${address} closed`) };
      if (address.startsWith("answers")) return Promise.resolve(made);
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          log.push(`${address} given up`);
          reject(new Error("aborted"));
        });
      });
    },
    late: () => new ConnectionError("timeout", "late"),
    failed: (cause: unknown) => new ConnectionError("connect", cause === null ? "none" : String(cause)),
  };
}

Deno.test("an address that swallows everything leaves time for the next, and is given up", async () => {
  const log: string[] = [];
  const made = await dialFirst(["black hole", "answers", "never tried"], 60_000, attempts(log));
  assert.equal(made.address, "answers");
  assert.deepEqual(log, ["black hole", "answers", "black hole given up"]);
});

Deno.test("after one that refuses the next is tried at once; the deadline is for all of them", async () => {
  const log: string[] = [];
  const made = await dialFirst(["refuses", "answers"], 60_000, attempts(log));
  assert.equal(made.address, "answers");
  const late = dialFirst(["black hole", "black hole too"], 300, attempts(log));
  await assert.rejects(late, { code: "timeout", message: "late" });
  assert.deepEqual(log.slice(-2), ["black hole given up", "black hole too given up"]);
});

Deno.test("when all fail the last failure is told, in its own words where it has some", async () => {
  const log: string[] = [];
  await assert.rejects(dialFirst(["refuses 1", "refuses 2"], 60_000, attempts(log)), /refuses 2 refused/);
  await assert.rejects(dialFirst(["refuses", "tls"], 60_000, attempts(log)), { message: "TLS failed" });
  await assert.rejects(dialFirst([], 60_000, attempts(log)), { message: "none" });
});

Deno.test({
  name: "a TLS handshake that does not end is given up at the deadline, with its connection",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted = listener.accept();
    const dialled = dial("127.0.0.1", listener.addr.port, 200, { caCerts: [] });
    await assert.rejects(dialled, { code: "timeout", message: /did not accept a connection within 0\.2 s/ });
    using _silent = await accepted;
  },
});
