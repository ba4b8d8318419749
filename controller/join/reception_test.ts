import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Reception } from "./reception.ts";

const PLACES = 128;
const CROWD = 3 * PLACES;

/** A connection from one of this machine's addresses, once it has been greeted. */
async function dialIn(reception: Reception, localAddress: string): Promise<Socket> {
  const port = Number(reception.address.split(":").at(-1));
  const socket = connect({ host: "127.0.0.1", port, localAddress });
  socket.on("error", () => {});
  assert.match(await nextOf(socket), /^100 .*join\)/);
  return socket;
}

/** What comes next; "" where the connection is closed instead. */
async function nextOf(socket: Socket): Promise<string> {
  const [bytes = ""] = await Promise.race([once(socket, "data"), once(socket, "end").then(() => [])]);
  return String(bytes);
}

Deno.test("a crowd from one address displaces its own connections, however many come, and nobody else's", async () => {
  const reception = await Reception.open({
    ...{ host: "127.0.0.1", port: 0, tls: null, prover: null, maxUnproven: PLACES },
    ...{ expected: { tester: 2, target: 0 }, onRefused: () => {} },
  });
  const early = await dialIn(reception, "127.0.0.2");
  // Each is greeted though nobody of them leaves: the oldest of them have to.
  const crowd: Socket[] = [];
  let closed = 0;
  try {
    for (let n = 0; n < CROWD; n++) {
      const socket = await dialIn(reception, "127.0.0.3");
      socket.once("close", () => closed++);
      crowd.push(socket);
    }
    const late = await dialIn(reception, "127.0.0.4");
    for (const [index, socket] of [early, late].entries()) {
      socket.write(`JOIN role::tester||index::${index}||name::lab${index}\n`);
      assert.match(await nextOf(socket), /^200 /);
      assert.equal((await reception.arrival("tester", index))?.name, `lab${index}`);
    }
    // The early one had a place among them all the time; the late one may have displaced another one.
    while (closed < CROWD - PLACES + 1) await once(crowd[closed]!, "close");
    assert.equal(crowd.findIndex(({ closed }) => !closed), closed, "the oldest went first");
    early.destroy();
    late.destroy();
  } finally {
    for (const socket of crowd) socket.destroy();
    await reception.close();
  }
});
