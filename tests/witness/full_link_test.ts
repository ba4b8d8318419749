/** A load that the tester's own link does not carry, on a link whose rate tc sets. */
import assert from "node:assert/strict";
import { latencyOver, type LinkResult, shape } from "../fixtures/network/over_link.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { hasNamespaces } from "../util/mod.ts";

const TIMING = "socktype=udp,warmup=0.2,duration=1,cooldown=0,noise=0,drain=1,late=0.1";
/** A packet of 1472 bytes is 1514 on the link: 48.6 Mbit/s of payload fit. The queue hides the excess of a short trial. */
const LOADS: [bps: string, levels: string[]][] = [
  ["40M", []],
  ["49.5M", ["SUSPECT"]],
  ["51.9M", ["SUSPECT", "INVALID"]],
  ["100M", ["INVALID"]],
];
/** What a machine that others use gives now and then. */
const CROWD = ["scheduling-gaps", "send-lateness"];

const name = "a load that the own link does not carry is told as such, and no processor is blamed";
Deno.test({ name, ignore: !hasNamespaces() }, async () => {
  using link = Veth.make("f");
  assert.ok(link !== null);
  await shape(link, "root", "handle", "1:", "tbf", "rate", "50mbit", "burst", "16k", "limit", "400k");
  for (const [bps, levels] of LOADS) {
    let reasons: LinkResult["reasons"] = [];
    for (let attempt = 0; attempt < 6; attempt++) {
      ({ reasons } = await latencyOver(link, `${TIMING},size=1472,bps=${bps}`));
      if (!reasons.some(({ code }) => CROWD.includes(code))) break;
    }
    if (reasons.some(({ code }) => code === "scheduling-gaps")) continue;
    const found = reasons.filter(({ code }) => code === "link-full").map(({ level }) => level);
    assert.equal(found.length, Math.min(levels.length, 1), `${bps}: ${JSON.stringify(reasons)}`);
    assert.ok(found.every((level) => levels.includes(level)), `${bps}: ${JSON.stringify(reasons)}`);
    const blamed = reasons.filter(({ code }) => code !== "link-full" && code !== "loss-while-saturated");
    assert.deepEqual(levels.length > 0 ? blamed : [], [], bps);
  }
});
