/**
 * What the page of a run that goes on makes its browser do: nothing is set but what has changed and can be seen, as the browser may
 * share its processors with the testers. Skipped where Debian's chromium is not installed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { chromium, type Page } from "playwright-core";
import { NO_PROGRESS } from "../../base/test_progress.ts";
import { startPages } from "../../cli/serving/page_server.ts";
import { POINT_MS } from "../../serve/limits.ts";
import { LiveRuns } from "../../serve/live_runs.ts";
import type { LivePeer, LiveState } from "../../serve/live_state.ts";
import { CHROMIUM, CHROMIUM_FLAGS, hasChromium } from "../fixtures/browser.ts";
import { takeChanges, watchChanges } from "../fixtures/page_checks.js";

const BEGAN_MS = 1_700_000_000_000;
const PAGE_MS = 60_000;

/** A tester that has measured for so long. */
function tester(port: number, seconds: number, more: Partial<LivePeer["progress"]> = {}): LivePeer {
  const progress = {
    ...NO_PROGRESS,
    ...{ phase: "measure" as const, elapsedNs: seconds * 1e9, expectedNs: 9000e9 },
    ...{
      sent: 1000,
      ok: 1000,
      lost: 0,
      bad: 0,
      rateBps: 1e6,
      sentBps: 1e6,
      p50Ns: 1e5,
      p99Ns: 2e5,
      maxNs: 3e5,
    },
    ...more,
  };
  return { role: "client", name: `10.0.0.1:${port}`, class: "", phase: "measure", outcome: "", progress };
}

/** A run `points` states after its beginning. */
function stateOf(points: number, peers: LivePeer[]): LiveState {
  return {
    id: "a-run",
    title: "latency to 10.0.0.9",
    beganMs: BEGAN_MS,
    atMs: BEGAN_MS + points * POINT_MS,
    phase: `state ${points}`,
    startMs: null,
    expectedMs: null,
    peers,
    more: 0,
    notes: [{ atMs: BEGAN_MS, level: "warning", text: "a clock drifts" }],
    console: [{ atMs: BEGAN_MS, name: "ttyUSB0", text: "up" }],
    ended: null,
  };
}

Deno.test(
  { name: "the page of a run", ignore: !hasChromium(), sanitizeOps: false, sanitizeResources: false },
  async (t) => {
    const runs = new LiveRuns();
    const server = await startPages({ host: "127.0.0.1", port: 0 }, { runs, results: [], history: null }, {});
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
    let at = 0;
    /** Sends the next state, waits until the page has it, and gives what has changed. */
    const next = async (page: Page, peers: LivePeer[]): Promise<string[]> => {
      runs.update(stateOf(++at, peers));
      await page.waitForFunction(
        (text) => {
          const { document } = globalThis as unknown as {
            document: { getElementById(id: string): { textContent: string } };
          };
          return document.getElementById("phase").textContent === text;
        },
        `state ${at}`,
        { polling: 50, timeout: PAGE_MS },
      );
      const changes: string[] = await page.evaluate(takeChanges);
      return changes;
    };
    const open = async (peers: LivePeer[]) => {
      runs.update(stateOf(++at, peers));
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      page.setDefaultTimeout(PAGE_MS);
      await page.goto(`${server.url}live/a-run`);
      await page.locator("#peers tbody tr").first().waitFor();
      await page.evaluate(watchChanges);
      await next(page, peers);
      return page;
    };
    const OF_EACH = ["characterData of #phase", "characterData of #time"];
    const CURVES = ["lost", "rate", "slow"].map((curve) => `points of ${curve} polyline`);
    try {
      await t.step("a state sets the texts that it changes, and moves the curves", async () => {
        const page = await open([tester(1, 1), tester(2, 1)]);
        assert.deepEqual(await next(page, [tester(1, 1), tester(2, 1)]), [...OF_EACH, ...CURVES].sort());
        assert.deepEqual(
          await next(page, [tester(1, 1), tester(2, 2, { p50Ns: 9e4 })]),
          [
            ...[...OF_EACH, ...CURVES],
            ...["characterData of row 2 Time", "characterData of row 2 p50"],
          ].sort(),
        );
        await page.close();
      });

      await t.step("a long curve is drawn when it has become a pixel longer", async () => {
        for (let n = 0; n < 600; n++) runs.update(stateOf(++at, [tester(1, 1)]));
        const page = await open([tester(1, 1)]);
        let drawn = 0;
        for (let n = 0; n < 6; n++) {
          const changes = await next(page, [tester(1, 1)]);
          if (changes.includes(CURVES[0]!)) drawn++;
        }
        // 450 seconds are 300 pixels: every second point moves them by one.
        assert.ok(drawn >= 2 && drawn <= 4, `drawn ${drawn} times in 6 states`);
        await page.close();
      });

      await t.step(
        "a page in the background changes nothing, and is up to date when it is seen again",
        async () => {
          const page = await open([tester(1, 1)]);
          const look = (isHidden: boolean) =>
            page.evaluate((hidden) => {
              const { document } = globalThis as unknown as { document: EventTarget };
              Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
              document.dispatchEvent(new Event("visibilitychange"));
            }, isHidden);
          await look(true);
          await page.evaluate(takeChanges);
          const other = await open([tester(1, 1)]);
          // What the other page has after two states more, this one has, too.
          for (let n = 0; n < 3; n++) await next(other, [tester(1, 7)]);
          assert.deepEqual(await page.evaluate(takeChanges), []);
          await look(false);
          assert.match(await page.locator("#peers tbody td").nth(2).innerText(), /^7\.0 of/);
          await page.close();
        },
      );

      await t.step("of many testers those in view are set, and the others when they come there", async () => {
        const many = (seconds: number) => Array.from({ length: 200 }, (_, n) => tester(n + 1, seconds));
        const page = await open(many(1));
        const rows = (changes: string[]) =>
          changes.filter((change) => /of row \d+ Time$/.test(change)).length;
        const set = rows(await next(page, many(2)));
        assert.ok(set >= 5 && set <= 120, `${set} of 200 rows were set`);
        const last = page.locator("#peers tbody tr").last();
        assert.match(await last.locator("td").nth(2).innerText(), /^1\.0 of/);
        await last.scrollIntoViewIfNeeded();
        await last.locator("td", { hasText: /^2\.0 of/ }).waitFor();
        const failed = many(3);
        failed[0] = { ...failed[0]!, outcome: "failed" };
        await next(page, failed);
        assert.match(await page.locator("#peers tbody tr.failed").innerText(), /failed\s+3\.0 of/);
        await page.close();
      });
    } finally {
      await browser.close();
      await server.close();
    }
  },
);
