/**
 * Pages that are served, in a real browser beside a real run. Skipped where Debian's chromium is not installed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Browser, chromium, type Page } from "playwright-core";
import { CHROMIUM, CHROMIUM_FLAGS, hasChromium } from "../fixtures/browser.ts";
import { makeDocument } from "../fixtures/documents.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { overlaps, pageWidth } from "../fixtures/page_checks.js";
import { freePort, programCommand, runProgram, TestDaemon, until } from "../util/mod.ts";

/** Longest time for one thing that a page does, on a busy machine. */
const PAGE_MS = 60_000;

/** A program of ours that serves until it is ended; `url` is what it says. */
class Serving implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<void>;

  constructor(args: string[], env: Record<string, string>) {
    const command = programCommand("ipbench");
    this.#child = new Deno.Command(command.path, {
      args: [...command.args, ...args],
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#read = (async ({ stderr }: Deno.ChildProcess) => {
      let rest = "";
      for await (const text of stderr.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        this.lines.push(...lines);
      }
    })(this.#child);
  }

  async url(): Promise<string> {
    return await until("an address", PAGE_MS, () => {
      const line = this.lines.find((text) => /https?:\/\//.test(text));
      return line === undefined ? undefined : /https?:\/\/\S+/.exec(line)![0];
    });
  }

  async end(): Promise<number> {
    await this.#read;
    return (await this.#child.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGTERM");
    } catch { /* it has ended */ }
    await this.end();
  }
}

/** A page whose every complaint, and every request to elsewhere, is an error at the end. */
async function open(
  browser: Browser,
  url: string,
  width = 1280,
): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  page.setDefaultTimeout(PAGE_MS);
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== new URL(url).origin && protocol !== "data:") complaints.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  return { page, complaints };
}

/** Two classes of latency, one tester and two, against an echo that the target hosts. */
function config(testers: TestDaemon[], target: TestDaemon, seconds: number): string {
  const port = freePort();
  const test = (name: string, bps: string, own: TestDaemon[]) =>
    `<test class="${name}" name="latency" target="127.0.0.1" port="${port}"
      args="socktype=udp,bps=${bps},size=125,warmup=1,cooldown=0,duration=${seconds}">${
      own.map((daemon) => `<client hostname="127.0.0.1" port="${daemon.port}"/>`).join("")
    }</test>`;
  return `<ipbench>${test("victim", "200k", testers.slice(0, 1))}${test("bulk", "400k", testers.slice(1))}
    <target_test name="echo" args="udp=${port},ip=127.0.0.1"><target hostname="127.0.0.1" port="${target.port}"/>
    </target_test></ipbench>`;
}

Deno.test(
  { name: "served pages in a browser", ignore: !hasChromium(), sanitizeOps: false, sanitizeResources: false },
  async (t) => {
    using folder = TemporaryFolder.make();
    Deno.chmodSync(folder.path, 0o700);
    const env = { XDG_RUNTIME_DIR: folder.path, IPBENCH_HISTORY: `${folder.path}/history.sqlite` };
    const results = `${folder.path}/results`;
    Deno.mkdirSync(results);
    const before = makeDocument({ samples: 500 });
    folder.write("results/before.json", before);
    await using one = await TestDaemon.start();
    await using two = await TestDaemon.start();
    await using three = await TestDaemon.start();
    await using target = await TestDaemon.start({ role: "target" });
    const lab = folder.write("lab.xml", config([one, two, three], target, 4));
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
    try {
      await using serving = new Serving(["serve", "--listen", String(freePort()), results], env);
      const url = await serving.url();
      await t.step(
        "a run of another process appears, goes on, and ends with a link to its report",
        async () => {
          const first = await open(browser, url);
          assert.match(await first.page.locator("#none").innerText(), /No run goes on/);
          const serial = folder.write("serial.log", "");
          const running = runProgram("ipbench", [
            "run",
            lab,
            "--json",
            `${results}/after.json`,
            "--label",
            "board=tx2",
            "--attach",
            serial,
          ], { env });
          const link = first.page.locator("#runs a");
          await link.waitFor();
          const href = await link.getAttribute("href");
          await Deno.writeTextFile(serial, "init: <b>network</b> is up\n", { append: true });
          for (const width of [1280, 390]) {
            const { page, complaints } = await open(browser, new URL(href!, url).href, width);
            await page.locator("#peers tbody tr").nth(3).waitFor();
            await page.locator("#lines li").waitFor();
            assert.match(await page.locator("#lines").innerText(), /init: <b>network<\/b> is up$/);
            assert.equal(await page.evaluate(pageWidth) <= width, true, `overflows at ${width}`);
            assert.deepEqual(await page.evaluate(overlaps), [], `at ${width}`);
            assert.deepEqual(complaints, []);
            await page.close();
          }
          const { page, complaints } = await open(browser, new URL(href!, url).href);
          await page.locator("#verdict a").waitFor();
          const { code, stderr } = await running;
          assert.ok(code === 0 || code === 1, stderr);
          const verdict = /ipbench: (VALID|SUSPECT|INVALID)/.exec(stderr)![1]!;
          assert.equal(await page.locator("#verdict b").innerText(), verdict);
          assert.deepEqual(await page.locator("#classes h3").allInnerTexts(), ["victim", "bulk"]);
          const curves = await page.locator("#classes polyline").evaluateAll((lines) =>
            lines.map((line) =>
              (line as unknown as { getAttribute(name: string): string }).getAttribute("points")
            )
          );
          assert.ok(curves[0]!.split(" ").length >= 2, `the rate's curve is ${curves[0]}`);
          const phases = await page.locator("#peers tbody td:nth-child(2)").allInnerTexts();
          assert.deepEqual(new Set(phases).difference(new Set(["done", "invalid"])), new Set());
          await page.locator("#verdict a").click();
          await page.locator("h1", { hasText: /^latency [0-9a-f]{10}$/ }).waitFor();
          await page.locator(".brand a").click();
          await page.locator("h2", { hasText: "Files" }).waitFor();
          assert.deepEqual([...complaints, ...first.complaints], []);
          await page.close();
          await first.page.close();
        },
      );

      await t.step("the history is found by a label, as runs and as series", async () => {
        const { page, complaints } = await open(browser, new URL("/?q=board%3Dtx2", url).href);
        assert.deepEqual(
          await page.locator("section", { hasText: "History" }).locator("td:first-child").count(),
          1,
        );
        await page.locator("td a", { hasText: "series" }).first().click();
        await page.locator("figure.chart").waitFor();
        assert.match(await page.locator("h1").innerText(), /^latency \(victim\), 200 kbit\/s by 1 tester$/);
        await page.locator("select").selectOption("p50");
        await page.locator("button", { hasText: "Show" }).click();
        await page.waitForURL(/metric=p50/);
        assert.match(await page.locator("figure h3").innerText(), /^response p50 of 1 runs?$/);
        await page.locator("td a", { hasText: "board=tx2" }).click();
        await page.waitForURL(/q=board%3Dtx2/);
        await page.goto(new URL("/?q=board%3Dnone", url).href);
        assert.equal(await page.locator("td").count(), 0);
        assert.deepEqual(complaints, []);
        await page.close();
      });

      await t.step("results are filtered, opened and compared by the keyboard alone", async () => {
        const { page, complaints } = await open(browser, url);
        await page.locator("input[name=q]").focus();
        await page.keyboard.type("before");
        await page.keyboard.press("Enter");
        await page.waitForURL(/q=before/);
        assert.deepEqual(await page.locator("td a").allInnerTexts(), ["before.json"]);
        await page.locator("td a").focus();
        await page.keyboard.press("Enter");
        await page.locator("#h-glance").waitFor();
        assert.ok(await page.locator("figure.chart").count() > 0);
        await page.goBack();
        for (const side of ["a", "b"]) {
          await page.locator(`input[name=${side}]`).first().focus();
          await page.keyboard.press("Space");
        }
        await page.keyboard.press("Enter");
        await page.waitForURL(/compare/);
        assert.match(await page.locator("h1").innerText(), /against/);
        assert.deepEqual(complaints, []);
        await page.close();
      });

      await t.step("a run that serves itself is seen while it goes on, and ends as ever", async () => {
        const port = freePort();
        await using run = new Serving(["run", "--serve", String(port), lab], {
          XDG_RUNTIME_DIR: results,
          IPBENCH_HISTORY: `${folder.path}/history.sqlite`,
        });
        const address = await run.url();
        assert.match(address, new RegExp(`^http://127\\.0\\.0\\.1:${port}/live/[0-9a-f]+$`));
        const { page, complaints } = await open(browser, address);
        await page.locator("#verdict b").waitFor();
        assert.deepEqual(complaints, []);
        assert.ok([0, 1].includes(await run.end()));
        await page.close();
      });
    } finally {
      await browser.close();
    }
  },
);

Deno.test("what can be reached from elsewhere needs a token or TLS, and a token is asked for", async () => {
  using folder = TemporaryFolder.make();
  Deno.chmodSync(folder.path, 0o700);
  const env = { XDG_RUNTIME_DIR: folder.path, IPBENCH_HISTORY: `${folder.path}/history.sqlite` };
  const open = await runProgram("ipbench", ["serve", "--listen", "0.0.0.0:8080"], { env });
  assert.deepEqual([open.code, open.stdout], [2, ""]);
  assert.match(open.stderr, /can be reached from elsewhere: give --token-file/);
  const token = "a-token-that-is-long-enough";
  const file = folder.write("token", `${token}\n`);
  Deno.chmodSync(file, 0o600);
  await using serving = new Serving(
    ["serve", "--listen", `0.0.0.0:${freePort()}`, "--token-file", file],
    env,
  );
  const { port } = new URL(await serving.url());
  const ask = async (headers: Record<string, string>) => {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers });
    await answer.body?.cancel();
    return answer.status;
  };
  assert.equal(await ask({}), 401);
  assert.equal(await ask({ authorization: `Bearer ${token}` }), 200);
});
