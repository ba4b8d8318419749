/** What the tester's own interface does not carry: packets that are too long, and those that its queue drops. */
import assert from "node:assert/strict";
import { drive, drivenRow } from "../fixtures/driven.ts";
import { FaultyEcho } from "../fixtures/peers/faulty_echo.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { hasNamespaces } from "../util/mod.ts";

interface Result {
  counts: { sent: number; ok: number; lost: number };
  engine: { udp_sndbuf_errors: number; interface_drops: number };
  reasons: { level: string; code: string }[];
}

/** What the queueing discipline at the interface's root has dropped, by tc. */
function dropped(link: Veth): number {
  const { stdout } = new Deno.Command("tc", { args: ["-s", "-j", "qdisc", "show", "dev", link.near] })
    .outputSync();
  const all = JSON.parse(new TextDecoder().decode(stdout)) as { root?: boolean; drops: number }[];
  return all.filter(({ root }) => root === true).reduce((sum, { drops }) => sum + drops, 0);
}

/** One run of latency over the link, against an echo in the namespace. */
async function run(link: Veth, args: string): Promise<Result> {
  const echo = await FaultyEcho.start(["--ip", link.farAddress, "--every", "0"], link.wrap);
  try {
    return (await drivenRow<Result>(drive({ target: link.farAddress, port: echo.port, args }))).result;
  } finally {
    await echo.end();
  }
}

Deno.test({ name: "latency over an interface of 1500 bytes", ignore: !hasNamespaces() }, async (t) => {
  using link = Veth.make("q");
  assert.ok(link !== null);
  const args = "socktype=udp,duration=0.4,warmup=0,cooldown=0,noise=0,drain=0.3,late=0.1";
  await t.step("IMIX leaves in whole packets, and nothing is said of drops", async () => {
    const { counts, engine, reasons } = await run(link, `${args},sizes=IMIX,bps=3M,df=1`);
    assert.ok(counts.sent > 300, JSON.stringify(counts));
    assert.equal(counts.ok, counts.sent);
    assert.equal(engine.interface_drops, 0);
    assert.deepEqual(reasons.filter(({ code }) => code === "send-drops"), []);
  });
  const shape = async (...args: string[]) => {
    const { success } = await new Deno.Command("tc", {
      args: ["qdisc", "replace", "dev", link.near, ...args],
    }).output();
    assert.ok(success, args.join(" "));
  };
  const bucket = ["root", "handle", "1:", "tbf", "rate", "4mbit", "burst", "2k", "limit"];
  await shape(...bucket, "3k");
  const results = (level: string) => ({ reasons }: Result) =>
    reasons.filter((reason) => reason.level === level).map(({ code }) => code);
  await t.step("what a queueing discipline turns away is sent again, late, and is no loss", async () => {
    const before = dropped(link);
    const result = await run(
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
  await t.step(
    "a load that the own link does not carry is told as such, and no processor is blamed",
    async () => {
      await shape("root", "handle", "1:", "tbf", "rate", "50mbit", "burst", "16k", "limit", "400k");
      // A packet of 1472 bytes is 1514 on the link: 48.6 Mbit/s of payload fit. The queue hides the excess of a short trial.
      const full: [bps: string, levels: string[]][] = [
        ["40M", []],
        ["49.5M", ["SUSPECT"]],
        ["51.9M", ["SUSPECT", "INVALID"]],
        ["100M", ["INVALID"]],
      ];
      for (const [bps, levels] of full) {
        const timing = "socktype=udp,warmup=0.2,duration=1,cooldown=0,noise=0,drain=1,late=0.1";
        let reasons: Result["reasons"] = [];
        const crowd = ["scheduling-gaps", "send-lateness"]; // which a machine that others use gives now and then
        for (let attempt = 0; attempt < 6; attempt++) {
          ({ reasons } = await run(link, `${timing},size=1472,bps=${bps}`));
          if (!reasons.some(({ code }) => crowd.includes(code))) break;
        }
        if (reasons.some(({ code }) => code === "scheduling-gaps")) continue;
        const found = reasons.filter(({ code }) => code === "link-full").map(({ level }) => level);
        assert.equal(found.length, Math.min(levels.length, 1), `${bps}: ${JSON.stringify(reasons)}`);
        assert.ok(found.every((level) => levels.includes(level)), `${bps}: ${JSON.stringify(reasons)}`);
        const blamed = reasons.filter(({ code }) => code !== "link-full" && code !== "loss-while-saturated");
        assert.deepEqual(levels.length > 0 ? blamed : [], [], bps);
      }
    },
  );
  await t.step("what it drops without a word is a reason", async () => {
    await shape(...bucket, "100k");
    await shape("parent", "1:1", "pfifo_head_drop", "limit", "5");
    const before = dropped(link);
    const result = await run(link, `${args},size=200,bps=8M`);
    const { counts, engine } = result;
    assert.equal(engine.interface_drops, dropped(link) - before, "what tc counts");
    assert.ok(counts.lost > 200 && counts.ok > 0, JSON.stringify(counts));
    assert.ok(engine.interface_drops >= counts.lost, `${engine.interface_drops} of ${counts.lost}`);
    assert.ok(results("INVALID")(result).includes("send-drops"), JSON.stringify(result.reasons));
  });
});
