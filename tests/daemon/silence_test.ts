/**
 * A connection that goes silent without an end: the link goes down under it. Needs root and network namespaces.
 *
 * @module
 */
import assert from "node:assert/strict";
import { handshake, hasNamespaces, isAlive, RawClient, targetSetup, TestDaemon, until } from "../util/mod.ts";

const NAMESPACE = `ipbw${Deno.pid % 100_000}`;
const HERE = `iw${Deno.pid % 100_000}a`;
const THERE = `iw${Deno.pid % 100_000}b`;
/** A network of its own for each process that runs this test. */
const SUBNET = `10.${200 + Deno.pid % 50}.${(Deno.pid >> 6) % 250}`;

function ip(...args: string[]): boolean {
  try {
    return new Deno.Command("ip", { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

function makeLink(): boolean {
  return ip("netns", "add", NAMESPACE) &&
    ip("link", "add", HERE, "type", "veth", "peer", "name", THERE, "netns", NAMESPACE) &&
    ip("addr", "add", `${SUBNET}.1/24`, "dev", HERE) && ip("link", "set", HERE, "up") &&
    ip("-n", NAMESPACE, "addr", "add", `${SUBNET}.2/24`, "dev", THERE) &&
    ip("-n", NAMESPACE, "link", "set", THERE, "up") && ip("-n", NAMESPACE, "link", "set", "lo", "up");
}

function removeLink(): void {
  ip("link", "del", HERE);
  ip("netns", "del", NAMESPACE);
}

const ignore = !hasNamespaces();

Deno.test(
  { name: "the link goes down under the owner: its test ends, though nobody says so", ignore },
  async () => {
    try {
      assert.ok(makeLink());
      await using daemon = await TestDaemon.start({
        role: "target",
        ip: null,
        wrap: ["ip", "netns", "exec", NAMESPACE],
      });
      using client = await RawClient.connect({ hostname: `${SUBNET}.2`, port: daemon.port });
      await client.readLine();
      await handshake(client, "dummy_target", targetSetup());
      const status = await client.ask("STATUS", 3);
      const pid = Number(/\(([0-9]+)\)/.exec(status[1] ?? "")?.[1]);
      assert.ok(isAlive(pid));
      assert.ok(ip("link", "set", HERE, "down"));
      await until("the test ends", 40_000, () => !isAlive(pid));
    } finally {
      removeLink();
    }
  },
);
