/**
 * Consoles that are read beside a run.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseDocument } from "../../results/document/parse.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { freePort, runProgram, TestDaemon } from "../util/mod.ts";

Deno.test("lines of a log that grows and of a pipe stand in document and report, with their times", async () => {
  using folder = TemporaryFolder.make();
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  const port = freePort();
  const lab = folder.write(
    "lab.xml",
    `<ipbench><test name="latency" target="127.0.0.1" port="${port}"
       args="socktype=udp,bps=100k,size=125,warmup=0,cooldown=0,duration=2">
       <client hostname="127.0.0.1" port="${tester.port}"/></test>
     <target_test name="echo" args="udp=${port},ip=127.0.0.1"><target hostname="127.0.0.1" port="${target.port}"/>
     </target_test></ipbench>`,
  );
  const log = folder.write("serial.log", "before the run\n");
  const json = `${folder.path}/result.json`;
  const running = runProgram("ipbench", ["run", lab, "--json", json, "--attach", log, "--attach", "-"], {
    input: "from the pipe\r\nwithout an end",
  });
  let over = false;
  running.finally(() => over = true);
  for (let n = 0; !over && n < 600; n++) {
    await Deno.writeTextFile(log, `line ${n} <b>\n`, { append: true });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { stderr } = await running;
  const document = parseDocument(await Deno.readTextFile(json));
  const [serial, pipe] = document.attached ?? assert.fail(stderr);
  assert.deepEqual([serial!.name, pipe!.name], ["serial.log", "standard input"]);
  assert.deepEqual(pipe!.lines.map(({ text }) => text), ["from the pipe", "without an end"]);
  const { start_ns, end_ns } = document.total.window!;
  const during = serial!.lines.filter(({ at_ns }) => at_ns >= start_ns && at_ns <= end_ns);
  assert.ok(
    during.length > 3,
    `${during.length} of ${serial!.lines.length} lines came in the measured phase`,
  );
  assert.ok(
    serial!.lines.every(({ text }) => /^line \d+ <b>$/.test(text)),
    "the file's end is where it begins",
  );
  const times = serial!.lines.map(({ at_ns }) => at_ns);
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
  const page = `${folder.path}/page.html`;
  assert.equal((await runProgram("ipbench", ["report", json, "-o", page])).code, 0);
  assert.match(await Deno.readTextFile(page), /id="console"[\s\S]*line \d+ &lt;b&gt;/);
});

Deno.test("a console that is not there is named before anything runs", async () => {
  const { code, stderr } = await runProgram("ipbench", [
    ...["run", "--client", "127.0.0.1:1", "--test", "latency", "--test-target", "127.0.0.1"],
    ...["--attach", "/nowhere/serial"],
  ]);
  assert.equal(code, 2);
  assert.match(stderr, /--attach \/nowhere\/serial: there is no such file/);
});
