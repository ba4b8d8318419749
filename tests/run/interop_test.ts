/** Our programs and the original's habits on the wire, in all pairings, with one and two testers. */
import assert from "node:assert/strict";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { runOriginalController } from "../fixtures/peers/original_controller.ts";
import { originalLatencyResult, startOriginalDaemon } from "../fixtures/peers/original_daemon.ts";
import { projectRoot, runProgram, TestDaemon } from "../util/mod.ts";

function hasPlugin(name: string): boolean {
  try {
    return Deno.statSync(`${projectRoot()}/build/plugins/${name}.so`).isFile;
  } catch {
    return false;
  }
}

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Runs the built controller and gives its output and its document. */
async function run(args: string[]) {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    const finished = await runProgram("ipbench", [...args, "--json", file]);
    return { ...finished, document: JSON.parse(await Deno.readTextFile(file) || "null") };
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("our controller, original daemons: latency from two unequal testers and a CPU meter", async () => {
  const tester = (rttsUs: number[], hostname: string) =>
    startOriginalDaemon({
      hostname,
      tests: {
        latency: {
          valid: true,
          lastsMs: 50,
          data: originalLatencyResult({
            timeUs: 1000,
            size: 1024,
            requestedBps: 10_000_000,
            achievedBps: 9_000_000,
            sentBps: 9_500_000,
            rttsUs,
          }),
        },
      },
    });
  const first = tester([10, 20, 30], "127.0.0.1");
  const second = tester([50, 40], "127.0.0.2");
  const target = startOriginalDaemon({
    target: true,
    tests: { cpu_target: { valid: true, lastsMs: 0, data: utf8("9.1,CPU0: 9.1,CPU1: 0.0\0") } },
  });
  const config = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    await Deno.writeTextFile(
      config,
      `<ipbench>
  <test name="latency" args="socktype=udp,bps=10M,warmup=1s,cooldown=1,samples=3" target="127.0.0.1" port="1235"
        controller_args="with_cpu_target">
    <client hostname="127.0.0.1" port="${first.port}"/>
    <client hostname="127.0.0.2" port="${second.port}"/>
  </test>
  <target_test name="cpu_target" args="warmup=1,cooldown=1">
    <target hostname="127.0.0.1" port="${target.port}"/>
  </target_test>
</ipbench>
`,
    );
    const { code, stdout, stderr, document } = await run(["run", config]);
    assert.equal(code, 0, stderr);
    assert.equal(
      stdout.trimEnd(),
      "20000000,18000000,19000000,1024,10,30,50,14.14,30,9.1,CPU0: 9.1,CPU1: 0.0",
    );
    assert.deepEqual(target.lines.slice(0, 3), [
      "HELLO",
      "LOAD cpu_target",
      'SETUP args::"warmup=1,cooldown=1"',
    ]);
    assert.equal(
      first.lines[2],
      'SETUP target::127.0.0.1||port::1235||args::"socktype=udp,bps=10000000,warmup=1,cooldown=1,samples=3"',
    );
    for (const client of document.clients) {
      assert.equal(client.peer, "ipbench-1.0");
      assert.equal(client.clock, null);
      assert.equal(client.start, null);
      assert.equal(client.environment ?? null, null);
    }
    assert.equal(document.targets[0].text.trimEnd(), "9.1,CPU0: 9.1,CPU1: 0.0");
  } finally {
    await Deno.remove(config);
    await first.close();
    await second.close();
    await target.close();
  }
});

Deno.test("our controller, an original daemon: dummy, valid and not", async () => {
  for (const valid of [true, false]) {
    const text = `You have ${valid ? "" : "un"}successfully called the dummy test!${valid ? "" : "\n"}\0`;
    const daemon = startOriginalDaemon({ tests: { dummy: { valid, lastsMs: 20, data: utf8(text) } } });
    try {
      const { code, stdout, stderr, document } = await run([
        "--client",
        "127.0.0.1",
        "--port",
        String(daemon.port),
        "--test",
        "dummy",
        "--test-target",
        "127.0.0.1",
      ]);
      assert.match(stdout, /successfully called the dummy test!/);
      assert.equal(document.clients[0].peer, "ipbench-1.0");
      assert.equal(code, 0, stderr); // the row was printed, and that is all that a script of the original asks
      assert.equal(document.run.verdict === "INVALID", !valid);
      assert.deepEqual(daemon.lines.slice(0, 4), [
        "HELLO",
        "LOAD dummy",
        'SETUP target::127.0.0.1||port::6123||args::""',
        "START",
      ]);
    } finally {
      await daemon.close();
    }
  }
});

/** 64-bit words in network byte order. */
function words(...values: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * values.length));
  values.forEach((value, index) => view.setBigUint64(8 * index, BigInt(value)));
  return new Uint8Array(view.buffer);
}

/** Results that the original's testers sent, two for each test, and what its controller printed of them. */
const RECORDED = [
  {
    test: "nfs_latency",
    data: [
      words(12649, 8, 7, 8, 11423, 10494, 9536, 8560, 160, 111, 91, 88),
      words(8125, 8, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0),
    ],
    row: "1347,1540,88,5057,5348.1,8560,4945.38,11423,8,8125,10387,3198.95,12649,12649",
  },
  {
    test: "latency-check",
    data: [
      words(8813, 8, 100, 21, 8, 0, 800000, 726199, 1906274, 27612, 26700, 25711, 24716, 170, 88, 85, 91),
      words(11631, 8, 100, 14, 8, 0, 800000, 550253, 962943, 15528, 14555, 67, 45, 50, 51, 52, 53),
    ],
    row: "1600000,1276452,2869217,100,45,8473,27612,11323.41,91,0",
  },
  { test: "wait", data: [utf8("OK\0"), utf8("OK\0")], row: "OK" },
];

for (const { test, data, row } of RECORDED) {
  const ignore = test === "nfs_latency" && !hasPlugin(test);
  Deno.test({ name: `our controller, original daemons: ${test} is printed as there`, ignore }, async () => {
    const daemons = data.map((data, n) =>
      startOriginalDaemon({
        hostname: `127.0.0.${n + 1}`,
        tests: { [test]: { valid: true, lastsMs: 20, data } },
      })
    );
    const config = await Deno.makeTempFile({ suffix: ".xml" });
    try {
      const clients = daemons.map(({ port }, n) => `<client hostname="127.0.0.${n + 1}" port="${port}"/>`);
      await Deno.writeTextFile(
        config,
        `<ipbench><test name="${test}" target="127.0.0.1">${clients.join("")}</test></ipbench>`,
      );
      const { stdout, stderr, document } = await run(["--config", config]);
      assert.equal(stdout.trimEnd().split("\n").at(-1), row, stderr);
      assert.notEqual(document.run.failed, true, stderr);
    } finally {
      await Deno.remove(config);
      for (const daemon of daemons) await daemon.close();
    }
  });
}

Deno.test("an original controller, our daemons: dummy and dummy_target, with and without --reset", async () => {
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  for (const reset of [false, true]) {
    const results = await runOriginalController(
      [{
        hostname: tester.host,
        port: tester.port,
        test: "dummy",
        setup: 'target::127.0.0.1||port::6123||args::""',
      }],
      [{ hostname: target.host, port: target.port, test: "dummy_target", setup: 'args::""' }],
      { reset },
    );
    assert.match(new TextDecoder().decode(results.clients[0]!.data), /dummy client data\0$/);
    assert.match(new TextDecoder().decode(results.targets[0]!.data), /dummy target data\0$/);
  }
});

Deno.test("an original controller, our daemons: latency from one and from two testers", async () => {
  await using echo = await EchoProcess.start();
  await using first = await TestDaemon.start();
  await using second = await TestDaemon.start({ ip: "127.0.0.2" });
  await using target = await TestDaemon.start({ role: "target" });
  const samples = 200;
  const peer = (daemon: TestDaemon) => ({
    hostname: daemon.host,
    port: daemon.port,
    test: "latency",
    setup: `target::127.0.0.1||port::${echo.port}||` +
      `args::"socktype=udp,bps=1000000,size=64,warmup=0,cooldown=0,samples=${samples}"`,
  });
  for (const testers of [[first], [first, second]]) {
    const results = await runOriginalController(testers.map(peer), [{
      hostname: target.host,
      port: target.port,
      test: "cpu_target",
      setup: 'args::""',
    }]);
    for (const { data } of results.clients) {
      assert.equal(data.length, 64 + 8 * samples);
      const words = new DataView(data.buffer, data.byteOffset);
      const word = (index: number) => Number(words.getBigUint64(8 * index));
      assert.equal(word(1), samples, "samples");
      assert.equal(word(2), 64, "size");
      assert.ok(word(3) >= samples, "sends");
      assert.ok(word(4) >= samples, "recvs");
      assert.equal(word(5), 1_000_000, "requested bps");
      for (let n = 0; n < samples; n++) {
        assert.ok(word(8 + n) < 10_000_000, `sample ${n} is a round trip in µs`);
      }
    }
    assert.match(new TextDecoder().decode(results.targets[0]!.data), /^\d+\.\d,CPU0: \d+\.\d.*\0$/);
  }
});
