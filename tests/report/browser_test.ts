/**
 * Pages as a browser shows them. Skipped where Debian's chromium is not installed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Browser, chromium } from "playwright-core";
import type { ResultDocument } from "../../results/document/document.ts";
import { CHROMIUM, CHROMIUM_FLAGS, hasChromium } from "../fixtures/browser.ts";
import { makeClassedDocument } from "../fixtures/classed_document.ts";
import { makeDocument, makeSweep } from "../fixtures/documents.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { makeRfc2544, makeSearch } from "../fixtures/searches.ts";
import { emptyCharts, focusedText, overlaps, pageWidth } from "../fixtures/page_checks.js";
import { runProgram } from "../util/mod.ts";

/** Longest time for one thing that a page does, on a busy machine. */
const PAGE_MS = 120_000;
/** A page whose every complaint and request is an error at the end. */
async function open(browser: Browser, file: string, width: number, scheme: "light" | "dark" = "light") {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme });
  page.setDefaultTimeout(PAGE_MS);
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const url = request.url();
    if (url !== `file://${file}` && !url.startsWith("data:")) complaints.push(`request: ${url}`);
  });
  await page.goto(`file://${file}`);
  return { page, complaints };
}

async function checkPage(browser: Browser, file: string, charts: number): Promise<void> {
  for (const [width, scheme] of [[1280, "light"], [390, "light"], [1280, "dark"]] as const) {
    const { page, complaints } = await open(browser, file, width, scheme);
    const where = `${file} at ${width}, ${scheme}`;
    assert.equal(await page.locator("figure.chart").count(), charts, where);
    assert.deepEqual(await page.evaluate(emptyCharts), [], where);
    assert.ok(await page.evaluate(pageWidth) <= width, `${where} overflows`);
    assert.deepEqual(await page.evaluate(overlaps), [], where);
    assert.deepEqual(complaints, [], where);
    await page.close();
  }
}

async function report(folder: TemporaryFolder, path: string, name: string): Promise<string> {
  const page = `${folder.path}/${name}.html`;
  const done = await runProgram("ipbench", ["report", path, "-o", page]);
  assert.equal(done.code, 0, done.stderr);
  return page;
}

Deno.test(
  { name: "pages in a browser", ignore: !hasChromium(), sanitizeOps: false, sanitizeResources: false },
  async (t) => {
    using folder = TemporaryFolder.make();
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
    try {
      await t.step("a single run", async () => {
        const one = makeDocument({ samples: 5000, cpus: 8 });
        const page = await report(folder, folder.write("one.json", one), "one");
        await checkPage(browser, page, 4);
      });

      await t.step("a run of two classes: the effect comes first", async () => {
        const page = await report(folder, folder.write("classes.json", makeClassedDocument()), "classes");
        await checkPage(browser, page, 4);
        const { page: shown } = await open(browser, page, 1280);
        assert.equal(await shown.locator("main section").first().getAttribute("id"), "effect");
        assert.equal(await shown.locator("figure.chart").first().getAttribute("id"), "chart-classes");
        assert.match(
          await shown.locator("#effect b").first().innerText(),
          /^bulk changes victim's mean response/,
        );
        await shown.close();
      });

      await t.step("a sweep with an INVALID and a SUSPECT run", async () => {
        const sweep = TemporaryFolder.make();
        const documents = [...makeSweep({ samples: 800, intervals: 20 })];
        documents[3]!.run = {
          ...documents[3]!.run,
          verdict: "INVALID",
          reasons: ["sent 71.0 % of the requested rate"],
        };
        documents[8]!.run = { ...documents[8]!.run, verdict: "SUSPECT", reasons: ["steal 3 % on tester1"] };
        const page = await report(folder, sweep.writeSweep(documents), "sweep");
        await checkPage(browser, page, 12);
        await printed(browser, page);
        sweep[Symbol.dispose]();
      });

      await t.step("a search of two goals, and RFC 2544's benchmarks: the answer comes first", async () => {
        const found = await makeSearch({
          seed: 3,
          capacity: 412e6,
          noise: 0.002,
          buffer: 3e6,
          invalidShare: 0.05,
        });
        const search = await report(folder, folder.write("knee.json", found), "knee");
        await checkPage(browser, search, 4);
        const { page: shown } = await open(browser, search, 1280);
        assert.match(await shown.locator("header li").first().innerText(), /^fdio-ndr \(no loss\): 41\d/);
        await shown.close();
        const device = { framesPerSecond: 700_000, bytesPerSecond: 124e6, buffer: 4000 };
        const frames = await report(folder, folder.write("frames.json", await makeRfc2544(device)), "frames");
        await checkPage(browser, frames, 4);
      });

      await t.step("an original's run, without distributions", async () => {
        const original = makeDocument({ samples: 500, original: true });
        const page = await report(folder, folder.write("original.json", original), "original");
        await checkPage(browser, page, 1);
      });

      await t.step("hostile texts run nothing and break no layout", async () => {
        const evil = hostile();
        const page = await report(folder, folder.write("evil.json", evil), "evil");
        await checkPage(browser, page, 4);
      });

      await t.step("a comparison", async () => {
        const sides = [1, 1.08].map((slowdown, side) => {
          const made = TemporaryFolder.make();
          const loads = [100e6, 300e6, 500e6];
          const options = {
            samples: 800,
            intervals: 2,
            loads,
            sizes: [64],
            repetitions: 6,
            slowdown,
            seed: side + 1,
          };
          made.writeSweep(makeSweep(options));
          return made;
        });
        const page = `${folder.path}/compare.html`;
        const done = await runProgram("ipbench", [
          "compare",
          sides[0]!.path,
          "--with",
          sides[1]!.path,
          "-o",
          page,
          "--metric",
          "p50,p99",
        ]);
        assert.equal(done.code, 0, done.stderr);
        await checkPage(browser, page, 2);
        for (const [width, scheme] of [[390, "light"], [390, "dark"]] as const) {
          const { page: narrow } = await open(browser, page, width, scheme);
          for (const name of ["Finding", "A", "B", "Change"]) {
            const cell = narrow.locator(`td[data-name="${name}"]`).first();
            const box = await cell.boundingBox();
            assert.ok(
              box !== null && box.x >= 0 && box.x + box.width <= width,
              `${name} is beside the screen`,
            );
          }
          await narrow.close();
        }
        for (const side of sides) side[Symbol.dispose]();
      });

      await t.step("the keyboard reaches sections, numbers and tables", async () => {
        const { page } = await open(browser, `${folder.path}/one.html`, 1280);
        const focused = () => page.evaluate(focusedText);
        await page.keyboard.press("Tab");
        assert.equal(await focused(), "Skip to the content");
        await page.keyboard.press("Tab");
        assert.equal(await focused(), "Figures");
        const numbers = page.locator("figure summary").first();
        await numbers.focus();
        await page.keyboard.press("Enter");
        assert.equal(await page.locator("figure details").first().getAttribute("open"), "");
        const table = page.locator("figure details .scroll").first();
        await table.focus();
        assert.equal(await table.evaluate((element) => element.matches(":focus")), true);
        await page.close();
      });
    } finally {
      await browser.close();
    }
  },
);

/** A page prints to a PDF of several pages. */
async function printed(browser: Browser, file: string): Promise<void> {
  const { page } = await open(browser, file, 1280);
  const pdf = await page.pdf({ format: "A4", printBackground: true });
  const text = new TextDecoder("latin1").decode(pdf);
  assert.match(text, /^%PDF-/);
  const pages = text.match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  assert.ok(pages >= 4, `${pages} pages`);
  await page.close();
}

function hostile(): ResultDocument {
  const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)>${
    "W".repeat(300)
  }`;
  const made = makeDocument({ samples: 500 });
  made.run.reasons = [evil];
  made.run.id = evil;
  made.test.name = evil;
  made.config = { [evil]: evil };
  for (const client of made.clients) {
    client.host = evil;
    client.args = `size=${evil}`;
    client.error = evil;
    client.environment = { [evil]: evil };
  }
  made.targets[0]!.host = evil;
  made.targets[0]!.text = evil;
  return made;
}
