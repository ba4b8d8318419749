/** What the tester's own interface does not carry: packets that are too long, and those that its queue drops. */
import assert from "node:assert/strict";
import { latencyOver, type LinkResult, shape } from "../fixtures/network/over_link.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { hasNamespaces } from "../util/mod.ts";

/** What the queueing discipline at the interface's root has dropped, by tc. */
function dropped(link: Veth): number {
  const { stdout } = new Deno.Command("tc", { args: ["-s", "-j", "qdisc", "show", "dev", link.near] })
    .outputSync();
  const all = JSON.parse(new TextDecoder().decode(stdout)) as { root?: boolean; drops: number }[];
  return all.filter(({ root }) => root === true).reduce((sum, { drops }) => sum + drops, 0);
}

Deno.test({ name: "latency over an interface of 1500 bytes", ignore: !hasNamespaces() }, async (t) => {
  using link = Veth.make("q");
  assert.ok(link !== null);
  const args = "socktype=udp,duration=0.4,warmup=0,cooldown=0,noise=0,drain=0.3,late=0.1";
  await t.step("IMIX leaves in whole packets, and nothing is said of drops", async () => {
    const { counts, engine, reasons } = await latencyOver(link, `${args},sizes=IMIX,bps=3M,df=1`);
    assert.ok(counts.sent > 300, JSON.stringify(counts));
    assert.equal(counts.ok, counts.sent);
    assert.equal(engine.interface_drops, 0);
    assert.deepEqual(reasons.filter(({ code }) => code === "send-drops"), []);
  });
  const bucket = ["root", "handle", "1:", "tbf", "rate", "4mbit", "burst", "2k", "limit"];
  await shape(link, ...bucket, "3k");
  const results = (level: string) => ({ reasons }: LinkResult) =>
    reasons.filter((reason) => reason.level === level).map(({ code }) => code);
  await t.step("what a queueing discipline turns away is sent again, late, and is no loss", async () => {
    const before = dropped(link);
    const result = await latencyOver(
      link,
      `${args.replace("drain=0.3", "drain=2")},size=200,bps=8M,arrival=burst:50`,
    );
    const { counts, engine } = result;
    assert.equal(engine.interface_drops, dropped(link) - before, "what tc counts");
    assert.ok(counts.ok > 0 && engine.interface_drops > 500, JSON.stringify(result));
    assert.ok(engine.udp_sndbuf_errors > 500, JSON.stringify(result));
    assert.deepEqual([counts.lost, counts.ok], [0, counts.sent]);
    assert.ok(results("INVALID")(result).includes("link-full"), JSON.stringify(result.reasons));
  });
  await t.step("what it drops without a word is a reason", async () => {
    await shape(link, ...bucket, "100k");
    await shape(link, "parent", "1:1", "pfifo_head_drop", "limit", "5");
    const before = dropped(link);
    const result = await latencyOver(link, `${args},size=200,bps=8M`);
    const { counts, engine } = result;
    assert.equal(engine.interface_drops, dropped(link) - before, "what tc counts");
    assert.ok(counts.lost > 200 && counts.ok > 0, JSON.stringify(counts));
    assert.ok(engine.interface_drops >= counts.lost, `${engine.interface_drops} of ${counts.lost}`);
    assert.ok(results("INVALID")(result).includes("send-drops"), JSON.stringify(result.reasons));
  });
});
