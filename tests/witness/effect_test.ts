/**
 * What one class does to another, against something that is not ours: the queue of a token bucket between two network
 * namespaces, as the kernel tells its length.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseDocument } from "../../results/document/parse.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { hasNamespaces, isInstalled, runProgram, TestDaemon } from "../util/mod.ts";

const RATE_BPS = 20e6;
/** 50 ms of the rate. */
const QUEUE_BYTES = 125_000;
/** The bucket may let this much go at once. */
const BURST_BYTES = 3_000;
/** Between two looks at the queue. */
const LOOK_MS = 100;

/** The queue's length whenever it is looked at: bytes that wait. */
async function watchBacklog(wrap: readonly string[], device: string, signal: AbortSignal): Promise<number[]> {
  const [command = "", ...before] = [...wrap, "tc", "-s", "-j", "qdisc", "show", "dev", device];
  const seen: number[] = [];
  while (!signal.aborted) {
    const { stdout } = await new Deno.Command(command, { args: before }).output();
    const found = JSON.parse(new TextDecoder().decode(stdout)) as { kind: string; backlog: number }[];
    seen.push(found.find(({ kind }) => kind === "tbf")?.backlog ?? 0);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return seen;
}

Deno.test({
  name: "what a full queue adds, against its own backlog (tc)",
  ignore: !hasNamespaces() || !isInstalled("tc"),
  fn: async () => {
    using link = Veth.make("e");
    assert.ok(link !== null);
    using folder = TemporaryFolder.make();
    const [command = "", ...inside] = link.wrap;
    const bucket = await new Deno.Command(command, {
      args: [
        ...[...inside, "tc", "qdisc", "replace", "dev", link.far, "root", "tbf", "rate", `${RATE_BPS}bit`],
        ...["burst", String(BURST_BYTES), "limit", String(QUEUE_BYTES)],
      ],
    }).output();
    if (!bucket.success) return console.error("skipped: this kernel has no token bucket");
    await using echo = await EchoProcess.start({ ip: link.nearAddress });
    await using victim = await TestDaemon.start({ ip: link.farAddress, wrap: link.wrap });
    await using bulk = await TestDaemon.start({ ip: link.farAddress, wrap: link.wrap });
    await using sink = await TestDaemon.start({ role: "target", ip: link.nearAddress });
    const config = folder.write(
      "effect.xml",
      `<ipbench>
        <test class="victim" name="latency" target="${link.nearAddress}" port="${echo.port}"
              args="socktype=udp,bps=400k,size=125,warmup=0.5,cooldown=0.5,duration=11,noise=0,limits=shared">
          <client hostname="${victim.host}" port="${victim.port}"/></test>
        <test class="bulk" name="discard" begin="4s" end="8s" target="${link.nearAddress}" port="9"
              args="socktype=udp,bps=24M,size=1400,warmup=0,cooldown=0">
          <client hostname="${bulk.host}" port="${bulk.port}"/></test>
        <target_test class="bulk" name="sink" args="ip=${link.nearAddress}">
          <target hostname="${sink.host}" port="${sink.port}"/></target_test>
      </ipbench>`,
    );
    const json = `${folder.path}/result.json`;
    const over = new AbortController();
    const watching = watchBacklog(link.wrap, link.far, over.signal);
    const { stderr } = await runProgram("ipbench", ["run", config, "--json", json]);
    over.abort();
    const full = (await watching).filter((bytes) => bytes > QUEUE_BYTES / 2);
    const document = parseDocument(await Deno.readTextFile(json));
    const told = `${stderr}${document.run.reasons.join("; ")}`;
    assert.equal(document.run.failed, undefined, told);
    assert.ok(full.length >= 5, `the queue was full ${full.length} times: ${told}`);
    const truth = full.reduce((sum, bytes) => sum + bytes, 0) / full.length * 8 / RATE_BPS * 1e9;
    const [effect] = document.effect!;
    const { estimate, low, high } = effect!.added_ns!;
    const shown = [truth, estimate, low, high].map((ns) => (ns / 1e6).toFixed(2)).join(", ");
    // On a machine that other tests use the victim's tester stands still now and then, which its interval shows.
    assert.ok(
      Math.abs(estimate - truth) <= 0.05 * truth || low <= truth && truth <= high,
      `${shown} ms: ${told}`,
    );
    assert.ok(low > 0, `it is seen: ${shown} ms`);
    assert.equal(
      effect!.before!.sent + effect!.during!.sent + effect!.after!.sent <= document.total.counts!.sent,
      true,
    );
    const { metrics } = document.classes![1]!;
    const received = metrics!.find(({ name }) => name === "received_rate")!.value;
    assert.ok(received < RATE_BPS, `the bucket let ${received} bit/s through`);
  },
});
