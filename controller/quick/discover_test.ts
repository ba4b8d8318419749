import assert from "node:assert/strict";
import { LIMITS } from "../limits.ts";
import { discover, IPERF3_PORT } from "./discover.ts";

const ACCESS = { limits: LIMITS, tls: null, prover: null };

/** Bytes that come before the server has its say. */
const COOKIE_BYTES = 37;

/**
 * Something on iperf3's port of a loopback address of its own, which says a byte when a cookie has come, or nothing.
 *
 * @returns what it got, connection by connection
 */
async function serve(
  hostname: string,
  says: number | null,
  during: () => Promise<void>,
): Promise<Uint8Array[]> {
  const listener = Deno.listen({ hostname, port: IPERF3_PORT });
  const got: Uint8Array[] = [];
  const open = new Set<Deno.Conn>();
  const one = async (connection: Deno.Conn) => {
    const bytes = new Uint8Array(100);
    let at = 0;
    for (let count; (count = await connection.read(bytes.subarray(at))) !== null;) {
      at += count;
      if (at === COOKIE_BYTES && says !== null) await connection.write(Uint8Array.of(says));
      got[got.length - 1] = bytes.slice(0, at);
    }
  };
  const serving = (async () => {
    for await (const connection of listener) {
      open.add(connection);
      got.push(new Uint8Array());
      void one(connection).catch(() => {}).finally(() => connection.close());
    }
  })();
  try {
    await during();
    await new Promise((resolve) => setTimeout(resolve, 50));
  } finally {
    listener.close();
    await serving.catch(() => {});
  }
  return got;
}

const found = (host: string) => discover(host, 9, ACCESS);
const fails = (host: string) => found(host).then(() => assert.fail("it found something"), String);

Deno.test("an iperf3 server is one that answers a cookie, and is left in order", async () => {
  const got = await serve("127.83.0.1", 9, async () => {
    const offer = await found("127.83.0.1");
    assert.deepEqual([offer.iperf3, offer.daemons, offer.udp_echo], [true, [], false]);
  });
  assert.equal(got.length, 1);
  // Its own client sends 36 characters and a zero, and 12 when it is interrupted.
  assert.match(new TextDecoder().decode(got[0]!.slice(0, 36)), /^[a-z0-9]{36}$/);
  assert.deepEqual([...got[0]!.slice(36)], [0, 12]);
});

Deno.test("what takes connections and says nothing, or something else, is no iperf3 server", async () => {
  for (const says of [null, 72]) {
    await serve("127.83.0.2", says, async () => {
      assert.match(
        await fails("127.83.0.2"),
        /^NothingThere: 127\.83\.0\.2 is there, but nothing that can be measured/,
      );
    });
  }
});

Deno.test("an iperf3 server that runs somebody else's test is told apart", async () => {
  await serve("127.83.0.3", 255, async () => {
    assert.match(
      await fails("127.83.0.3"),
      /^Error: the iperf3 server on port 5201 of 127\.83\.0\.3 runs a test of somebody else: wait for its end/,
    );
  });
});

Deno.test("a name without an address is told once, with what to do", async () => {
  const told = await fails("no-such-host.invalid");
  assert.match(
    told,
    /^Error: cannot resolve the name "no-such-host\.invalid": is it spelt right, .* An address, such as/,
  );
});
