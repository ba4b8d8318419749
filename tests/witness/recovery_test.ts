/**
 * RFC 2544's system recovery and reset through a router, against captures on either side of it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { recoveryOf } from "../../controller/search/recovery.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import type { Rfc2544Document } from "../../results/search/rfc2544_document.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { PORT } from "../fixtures/forwarded.ts";
import { DeviceLab } from "../fixtures/network/device_lab.ts";
import { longestGap, seenOf } from "../fixtures/network/numbered.ts";
import { Capture, type Frame } from "../fixtures/network/wire.ts";
import { within } from "../fixtures/samples.ts";
import { collectText, hasNamespaces, isInstalled, projectRoot, runProgram, until } from "../util/mod.ts";

const ignore = !hasNamespaces() || !["tc", "tshark", "python3"].every(isInstalled);
const FRAME = 512, SIZE = FRAME - 46;
/** Of the router's token bucket, which counts frames without their checksum. */
const RATE = 4e6;
/** What it takes for 0.3 s without getting tired, what it passes then, and how long after it the tiredness goes. */
const LIKES = 0.9 * RATE, SLOW = 0.3 * RATE, REST_S = 0.3;
const MEASURED_S = 2, OVERLOAD_S = 1.5, DOWN_MS = 500;
/** Clock reads and timers of a busy machine, beside what the tester says of its lateness. */
const SPARE_NS = 5e6;

/** A router that is slow for a while after it has been overloaded. */
async function tiredRouter(lab: DeviceLab) {
  const [command = "", ...before] = [...lab.wrap("device"), "python3"];
  const script = `${projectRoot()}/tests/fixtures/network/tired_router.py`;
  const child = new Deno.Command(command, {
    args: [...before, script, "left", "right", ...[LIKES, RATE, SLOW, REST_S].map(String)],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const said = collectText(child.stdout);
  await until("the router is ready", 10_000, () => said.text.includes("ready"));
  return {
    [Symbol.asyncDispose]: async () => {
      await child.stdin.close();
      assert.equal((await child.status).code, 0);
    },
  };
}

/** Two testers with a router between them, and captures before and behind it. */
async function through(
  lab: DeviceLab,
  folder: TemporaryFolder,
  args: string,
  command: readonly string[],
): Promise<{ cameIn: Frame[]; cameOut: Frame[]; stdout: string; stderr: string }> {
  await using _left = await lab.daemon("left");
  await using _right = await lab.daemon("right");
  await using into = await Capture.start("left", `udp port ${PORT}`, lab.wrap("device"));
  await using out = await Capture.start("d0", `udp port ${PORT}`, lab.wrap("right"));
  const path = folder.write(
    "lab.xml",
    `<ipbench><test name="forward" port="${PORT}" args="socktype=udp,limits=shared,noise=0,drain=500ms${args}">
      <client hostname="${lab.control("left")}" to="right" test_target="${lab.address("right")}"/>
      <client name="right" hostname="${lab.control("right")}"/></test></ipbench>`,
  );
  const [name = "", ...options] = command;
  const { stdout, stderr } = await runProgram("ipbench", [name, path, ...options], { deadlineMs: 240_000 });
  return { cameIn: await into.frames(), cameOut: await out.frames(), stdout, stderr };
}

Deno.test(
  {
    name: "recovery from an overload against captures on either side of a router (tshark, tc, python3)",
    ignore,
  },
  async () => {
    using lab = DeviceLab.make("v", "router");
    await using _router = await tiredRouter(lab);
    using folder = TemporaryFolder.make();
    // In bits of the payload: the overload is more than the router likes, and a half of it more than it passes then.
    const bps = Math.floor(0.98 * RATE * SIZE / (FRAME - 4) / 2), intervalNs = SIZE * 8e9 / bps;
    const json = `${folder.path}/r.json`;
    const args =
      `,bps=${bps},size=${SIZE},overload=2,rampup=${OVERLOAD_S},warmup=0,duration=${MEASURED_S},cooldown=0`;
    const { cameIn, cameOut, stderr } = await through(lab, folder, args, ["run", "--json", json]);
    const document: ResultDocument = JSON.parse(await Deno.readTextFile(json));
    const [client] = document.clients;
    assert.ok(client?.outages, stderr);
    const [seen, passed] = [seenOf(cameIn, SIZE, document), seenOf(cameOut, SIZE, document)];
    // Packets say whether they are of the measured phase; the first ones are not.
    const kindOf = (number: number) => seen.get(number)!.kind;
    const numbers = [...seen.keys()].toSorted((x, y) => x - y);
    const measured = numbers.filter((number) => kindOf(number) !== kindOf(numbers[0]!));
    const lost = measured.filter((number) => !passed.has(number));
    assert.deepEqual([client.counts?.sent, client.counts?.lost], [measured.length, lost.length], stderr);
    // Twice the rate until the measured phase begins: so many packets are before it, less those for which it was too late then.
    const first = measured[0]!, planned = Math.ceil(OVERLOAD_S * 1e9 / (intervalNs / 2)) - 1;
    assert.equal(numbers[0], 0);
    within(first, 0.9 * planned, planned, "packets of the overload");
    const told = recoveryOf(document, MEASURED_S);
    assert.equal(told?.lost, lost.length);
    assert.ok(told.recovered);
    const late = (client.pacing?.lateness?.max_ns ?? 0) + SPARE_NS;
    const truth = seen.get(lost.at(-1)!)!.ns - seen.get(first)!.ns;
    within(told.recovery_ns, truth - late, truth + late, "recovery");
    // The router is tired for so long after the overload, and as long as it takes to see that.
    within(told.recovery_ns / 1e9, REST_S / 2, REST_S + 1, "recovery of the router");
    within(
      seen.get(first - 1)!.ns - seen.get(0)!.ns,
      OVERLOAD_S * 1e9 - late,
      OVERLOAD_S * 1e9 + late,
      "overload",
    );
  },
);

Deno.test(
  { name: "a reset by rfc2544 against captures behind a router (tshark, tc)", ignore },
  async () => {
    using lab = DeviceLab.make("r", "router");
    lab.inDevice(
      ...["tc", "qdisc", "replace", "dev", "right", "root", "tbf", "rate", `${RATE}bit`],
      ...["burst", "5kb", "limit", "50kb"],
    );
    using folder = TemporaryFolder.make();
    const json = `${folder.path}/rfc.json`, trials = `${folder.path}/trials`;
    const link = (state: string) => `ip -n ${lab.space("device")} link set right ${state}`;
    const { cameOut, stdout, stderr } = await through(lab, folder, "", [
      ...["rfc2544", "--line-rate", "5M", "--frames", String(FRAME), "--tests", "recovery,reset"],
      ...["--trial", "1s", "--width", "20%", "--rampup", "100ms", "--warmup", "100ms", "--invalid", "8"],
      ...["--overload", "1s", "--repeat", "1", "--reset-trial", "3s", "-o", trials, "--json", json],
      ...["--reset-command", `${link("down")}; sleep ${DOWN_MS / 1000}; ${link("up")}`],
    ]);
    const { frames: [record] }: Rfc2544Document = JSON.parse(await Deno.readTextFile(json));
    assert.equal(record?.recovery?.trials.length, 1, stdout + stderr);
    const [reset, ...others] = record.reset?.trials ?? [];
    assert.ok(reset !== undefined && others.length === 0, stdout + stderr);
    assert.match(stdout, /\nrecovery at 512: .*\nreset at 512: /);
    const documents = [...Deno.readDirSync(trials)].map(({ name }) => name).filter((name) =>
      name.startsWith("trial-")
    )
      .sort().map((name): ResultDocument => JSON.parse(Deno.readTextFileSync(`${trials}/${name}`)));
    const document = documents.findLast(({ events }) => events !== undefined);
    assert.ok(document);
    const gap = longestGap(seenOf(cameOut, SIZE, document));
    const intervalNs = SIZE * 8e9 / record.reset!.load;
    assert.equal(Math.round(reset.outage_ns / intervalNs), gap.packets);
    within(
      reset.outage_ns,
      gap.ns - 2 * intervalNs - reset.error_ns,
      gap.ns + reset.error_ns,
      "length of the reset",
    );
    within(reset.outage_ns / 1e6, DOWN_MS - 30, DOWN_MS + 1000, "cable");
    assert.ok(
      reset.came_back && reset.after_ns !== null && reset.after_ns > -reset.error_ns,
      `${reset.after_ns}`,
    );
  },
);
