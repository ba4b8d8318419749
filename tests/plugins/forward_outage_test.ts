/**
 * Outages behind a router: of one flow, against the counter of the rule that drops it, and over IPv6, against a capture behind
 * a link that goes down.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ClientResult, ResultDocument } from "../../results/document/document.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { PORT } from "../fixtures/forwarded.ts";
import { DeviceLab } from "../fixtures/network/device_lab.ts";
import { longestGap, seenOf } from "../fixtures/network/numbered.ts";
import { Capture } from "../fixtures/network/wire.ts";
import { within } from "../fixtures/samples.ts";
import { hasNamespaces, isInstalled, runProgram, until } from "../util/mod.ts";

const ignore = !hasNamespaces();
const SIZE = 100, PPS = 2_000, INTERVAL_NS = 1e9 / PPS;
const ARGS =
  `socktype=udp,limits=shared,noise=0,drain=500ms,rampup=0,warmup=200ms,cooldown=100ms,duration=4,size=${SIZE},bps=${
    PPS * SIZE * 8
  }`;

/** Runs through the lab with an event at 500 ms. */
async function through(
  lab: DeviceLab,
  target: string,
  args: string,
  event: string,
): Promise<{ document: ResultDocument; client: ClientResult; stderr: string }> {
  await using _left = await lab.daemon("left");
  await using _right = await lab.daemon("right");
  using folder = TemporaryFolder.make();
  const path = folder.write(
    "lab.xml",
    `<ipbench><test name="forward" port="${PORT}" args="${ARGS}${args}">
      <client hostname="${lab.control("left")}" to="right" test_target="${target}"/>
      <client name="right" hostname="${lab.control("right")}"/></test></ipbench>`,
  );
  const json = `${folder.path}/r.json`;
  const { stderr } = await runProgram("ipbench", ["run", path, "--json", json, "--event", `500ms=${event}`]);
  const document: ResultDocument = JSON.parse(await Deno.readTextFile(json));
  const command = document.events?.find(({ kind }) => kind === "command");
  assert.ok(command?.kind === "command" && command.status === 0, stderr);
  return { document, client: document.clients[0]!, stderr };
}

/** Whether a host refuses a connection at once: then the way there and back works. */
async function isReached([program = "", ...wrap]: string[], host: string): Promise<boolean> {
  const script = `import socket, sys
s = socket.socket(socket.AF_INET6)
s.settimeout(0.5)
sys.exit(s.connect_ex((sys.argv[1], 9)) != 111)`;
  const { success } = await new Deno.Command(program, { args: [...wrap, "python3", "-c", script, host] })
    .output();
  return success;
}

Deno.test(
  {
    name: "outages of one flow behind a router against its rule's counter (nft)",
    ignore: ignore || !isInstalled("nft"),
  },
  async () => {
    using lab = DeviceLab.make("f", "router");
    lab.inDevice("nft", "add", "table", "inet", "t");
    lab.inDevice("nft", "add", "counter", "inet", "t", "dropped");
    lab.inDevice("nft", "add chain inet t c { type filter hook forward priority 0; }");
    const nft = `ip netns exec ${lab.space("device")} nft`;
    // Packet k is of flow k % 4, and flow 2 sends from the third port.
    const drop =
      `${nft} add rule inet t c udp sport 20002 counter name dropped drop; sleep 0.4; ${nft} flush chain inet t c`;
    const { client, stderr } = await through(lab, lab.address("right"), ",flows=4,bind_port=20000", drop);
    const [, counted] = /dropped \{\s*packets (\d+)/.exec(lab.inDevice("nft", "list", "counters")) ?? [];
    const { outages, counts } = client;
    assert.equal(counts?.lost, Number(counted), stderr);
    assert.equal(outages?.runs.packets, Number(counted));
    // Nothing got through by one flow, and all by the others: no outage of the tester.
    assert.deepEqual([outages?.count, outages?.flows_dark, outages?.flows?.length], [0, 1, 1]);
    const [own, ...others] = outages?.flow_list ?? [];
    assert.deepEqual([own?.flow, own?.packets, others.length], [2, Number(counted), 0]);
    assert.equal(own!.length_ns, Number(counted) * 4 * INTERVAL_NS);
    assert.deepEqual(
      [outages?.flows?.[0]?.packets, outages?.flows?.[0]?.sum_ns],
      [Number(counted), Number(counted) * 4 * INTERVAL_NS],
    );
    within(own!.length_ns / 1e6, 380, 1000, "as long as the rule was there");
    assert.match(stderr, /one outage of single flows \(.*\), the longest of .* of flow 2 at /);
  },
);

Deno.test(
  {
    name: "an outage behind a router over IPv6 against a capture (tshark)",
    ignore: ignore || !isInstalled("tshark"),
  },
  async () => {
    using lab = DeviceLab.make("s", "router");
    // A link that goes down would take its addresses along.
    lab.inDevice(
      "sysctl",
      "-qw",
      "net.ipv6.conf.right.keep_addr_on_down=1",
      "net.ipv6.conf.right.accept_dad=0",
    );
    // Neighbours take a moment to find one another, and what is lost until then is no gap in the capture.
    await until("packets get through", 20_000, () => isReached(lab.wrap("left"), lab.address6("right")));
    await using capture = await Capture.start("d0", `udp port ${PORT}`, lab.wrap("right"));
    const link = (state: string) => `ip -n ${lab.space("device")} link set right ${state}`;
    const pull = `${link("down")}; sleep 0.4; ${link("up")}`;
    const { document, client, stderr } = await through(lab, lab.address6("right"), "", pull);
    const gap = longestGap(seenOf(await capture.frames(), SIZE, document));
    const [longest] = (client.outages?.list ?? []).toSorted((a, b) => b.length_ns - a.length_ns);
    assert.equal(longest?.packets, gap.packets, stderr);
    assert.equal(longest!.length_ns, gap.packets * INTERVAL_NS);
    // Packets that waited for the neighbour's answer come when it is there: what is dark ends before they are seen.
    within(longest!.length_ns, 0, gap.ns + longest!.error_ns!, "length");
    within(longest!.length_ns / 1e6, 370, 3000, "as long as the link was down");
  },
);
