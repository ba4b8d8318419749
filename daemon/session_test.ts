import assert from "node:assert/strict";
import { pause } from "../base/deadline.ts";
import { createNonce, createProver } from "../protocol/mod.ts";
import { createClock } from "./clock.ts";
import { Connection } from "./link/connection.ts";
import { Deliveries } from "./link/deliveries.ts";
import { AuthGuard } from "./access/guard.ts";
import { IDLE_OWNER_MS, LINES_AT_ONCE, UNAUTHENTICATED_MS } from "./limits.ts";
import { daemonLog } from "./log.ts";
import { Session } from "./session.ts";
import type { SessionContext } from "./session_types.ts";
import type { TestSlot } from "./slot.ts";

const PEER = { hostname: "127.0.0.1", port: 4 };
const IDLE_MS = 10_000;

/** A session whose peer has said this, and what it was told. */
class Peer {
  said = "";
  readonly session: Session;
  readonly #over: Promise<void>;
  readonly #gone = Promise.withResolvers<null>();

  constructor(lines: string, context: Partial<SessionContext> = {}) {
    let unread: Uint8Array | null = new TextEncoder().encode(lines);
    const address = { transport: "tcp", ...PEER } as const;
    const connection = new Connection({
      localAddr: address,
      remoteAddr: address,
      read: (buffer) => {
        if (unread === null || unread.length === 0) return this.#gone.promise;
        const { length } = unread;
        buffer.set(unread);
        unread = null;
        return Promise.resolve(length);
      },
      write: (bytes) => {
        this.said += new TextDecoder().decode(bytes);
        return Promise.resolve(bytes.length);
      },
      closeWrite: () => Promise.resolve(this.#gone.resolve(null)),
      close: () => this.#gone.resolve(null),
    });
    const nothing = () => Promise.resolve();
    const slot = { pid: null, warm: () => {}, take: nothing, release: nothing } as unknown as TestSlot;
    this.session = new Session(connection, { remote: PEER, local: PEER }, {
      ...{
        role: "tester",
        program: "test 1",
        slot,
        clock: createClock(),
        prover: null,
        guard: new AuthGuard(),
        deliveries: new Deliveries(1_000_000),
      },
      ...{ log: daemonLog(), idleMs: IDLE_MS, createNonce, ...context },
    });
    this.#over = this.session.run();
  }

  /** Lets the session do what it has to do with what was said. */
  async settled(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  }

  /** The session is so old, and has been silent so long; the answer to that. */
  async after(ms: number): Promise<string> {
    this.said = "";
    this.session.tick(this.session.lastMs + ms);
    await this.settled();
    return this.said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#gone.resolve(null);
    await this.#over;
  }
}

Deno.test("a connection without the secret is closed after its time, whatever it says meanwhile", async () => {
  const prover = await createProver(new TextEncoder().encode("a secret"));
  await using peer = new Peer("HELP\nSTATUS\n", { prover, idleMs: 2 * UNAUTHENTICATED_MS });
  await peer.settled();
  assert.equal(await peer.after(UNAUTHENTICATED_MS - 1_000), "");
  assert.equal(
    await peer.after(UNAUTHENTICATED_MS + 1_000),
    `421 SERVICE NOT AVAILABLE (No secret within ${UNAUTHENTICATED_MS / 1000} s)\n`,
  );
});

Deno.test("a silent connection has its time, one that holds the slot a longer one", async () => {
  await using idle = new Peer("STATUS\n");
  await idle.settled();
  assert.equal(await idle.after(IDLE_MS - 1), "");
  assert.match(await idle.after(IDLE_MS + 1), /^421 .*\(Nothing heard for 10 s\)/);
  await using owner = new Peer("HELLO\n");
  await owner.settled();
  assert.match(owner.said, /200 OK \(Ready to go\)/);
  assert.equal(await owner.after(IDLE_OWNER_MS - 1), "");
  assert.match(await owner.after(IDLE_OWNER_MS + 1), /^421 .*\(Nothing heard for 1800 s\)/);
});

Deno.test("a thousand lines at once are looked at little by little, so that others have their turn", async () => {
  const lines = 1_000;
  await using peer = new Peer("STATUS\n".repeat(lines));
  const answers = () => peer.said.split("200 OK").length - 1;
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(answers(), LINES_AT_ONCE);
  for (let waits = 0; answers() < lines && waits < 1_000; waits++) await pause(10);
  assert.equal(answers(), lines, "none is lost");
});
