import assert from "node:assert/strict";
import { makeDocument } from "../tests/fixtures/documents.ts";
import { liveEvents } from "./events.ts";
import { MAX_READERS } from "./limits.ts";
import { LiveRun } from "./live_run.ts";
import { LiveRuns } from "./live_runs.ts";
import type { LiveState } from "./live_state.ts";
import type { Results } from "./results.ts";
import { PageServer } from "./server.ts";

const EVIL = `"><script>alert(1)</script>`;

function stateOf(title = EVIL): LiveState {
  return new LiveRun(title, 1000).state(2000);
}

/** Two documents, "a" and "b". */
const RESULTS: Results = {
  title: EVIL,
  list: async ({ offset }) => {
    assert.ok(Number.isSafeInteger(offset), `rows from ${offset}`);
    return await Promise.resolve({
      runs: ["a", "b"].map((id) => ({
        id,
        name: id + EVIL,
        started: "",
        verdict: "VALID",
        labels: { board: EVIL },
        series: [],
        single: true,
      })),
      count: 2,
    });
  },
  has: (id) => Promise.resolve(id === "a" || id === "b"),
  read: (id) =>
    Promise.resolve(
      id === "a" || id === "b" ? { file: `${id}.json`, document: makeDocument({ samples: 200 }) } : null,
    ),
  page: () => Promise.resolve(null),
};

function serving(results: Results[] = [RESULTS], turnMs?: number) {
  const runs = new LiveRuns();
  const server = new PageServer({
    runs,
    results,
    history: null,
    guard: { token: null, names: [], tls: false },
  }, turnMs);
  const get = (path: string) =>
    server.handle(new Request(`http://127.0.0.1${path}`, { headers: { host: "127.0.0.1" } }));
  return { runs, get };
}

/** The data of the next event; "" for a sign of life, `null` at the end. */
async function next(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<LiveState | null | ""> {
  const { value, done } = await reader.read();
  if (done) return null;
  const data = /^data: (.*)$/m.exec(new TextDecoder().decode(value))?.[1];
  return data === undefined ? "" : JSON.parse(data);
}

Deno.test("every page has a policy that lets nothing in, and no text of a document becomes HTML", async () => {
  const { runs, get } = serving();
  const state = stateOf();
  runs.update(state);
  for (
    const path of [
      "/",
      `/live/${state.id}`,
      "/runs/a",
      "/compare?a=a&b=b",
      "/runs/nothing",
      "/?q=%22%3E%3Cscript%3E",
      "/?page=1e308",
    ]
  ) {
    const answer = await get(path);
    const text = await answer.text();
    assert.equal(answer.status, path === "/runs/nothing" ? 404 : 200, path);
    assert.match(answer.headers.get("content-security-policy")!, /^default-src 'none'; script-src 'self';/);
    assert.doesNotMatch(text, /<script>|alert\(1\)<\/script>/, path);
    assert.doesNotMatch(text, /(src|href)="(https?:)?\/\//, path);
  }
});

Deno.test("an address names a run and never a file", async () => {
  const { get } = serving();
  for (
    const path of [
      "/runs/..%2f..%2fetc%2fpasswd",
      "/runs/../../etc/passwd",
      "/etc/passwd",
      "/runs/",
      "/live/a/b",
    ]
  ) {
    assert.equal((await get(path)).status, 404, path);
  }
});

Deno.test("a comparison needs both sides", async () => {
  const { get } = serving();
  assert.equal((await get("/compare?a=a")).status, 400);
  assert.match(await (await get("/compare?a=a&b=b")).text(), /against/);
});

Deno.test("a reader gets the curves first, then each new state, then the end", async () => {
  const { runs, get } = serving();
  const state = stateOf("latency");
  runs.update(state);
  const answer = await get(`/live/${state.id}/events`);
  assert.match(answer.headers.get("content-type")!, /^text\/event-stream/);
  const reader = answer.body!.getReader();
  assert.deepEqual(await next(reader), { ...state, curves: {} });
  runs.update({ ...state, phase: "running" });
  assert.equal((await next(reader) as LiveState).phase, "running");
  const ended = { verdict: "VALID" as const, reasons: [], figures: ["sent 1"] };
  runs.update({ ...state, ended });
  assert.deepEqual((await next(reader) as LiveState).ended, ended);
  assert.equal(await next(reader), null);
});

Deno.test("a reader that takes nothing is dropped, and makes room for another one", async () => {
  const runs = new LiveRuns();
  const state = stateOf();
  runs.update(state);
  let ended = 0;
  const reader = liveEvents(runs, state.id, () => ended++, new AbortController().signal, 50).getReader();
  await next(reader);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(ended, 1);
  await assert.rejects(reader.read(), /too slow/);
});

Deno.test("there are only so many readers", async () => {
  const { runs, get } = serving([]);
  const state = stateOf();
  runs.update(state);
  const open = await Promise.all(Array.from({ length: MAX_READERS }, () => get(`/live/${state.id}/events`)));
  assert.equal((await get(`/live/${state.id}/events`)).status, 503);
  await open[0]!.body!.cancel();
  const again = await get(`/live/${state.id}/events`);
  assert.equal(again.status, 200);
  for (const { body } of [...open.slice(1), again]) await body!.cancel();
});

Deno.test("who has read long enough makes room for others, whether he takes anything or not", async () => {
  const { runs, get } = serving([], 0);
  const state = stateOf();
  runs.update(state);
  const events = async () => {
    const { status, body } = await get(`/live/${state.id}/events`);
    assert.equal(status, 200);
    return body!.getReader();
  };
  const silent = await events(), reading = await events();
  assert.deepEqual(await next(reading), { ...state, curves: {} });
  const others = await Promise.all(Array.from({ length: MAX_READERS - 2 }, events));
  const waiting = next(reading);
  others.push(await events(), await events());
  assert.deepEqual([await next(silent), await waiting], [null, null]);
  runs.update({ ...state, phase: "running" });
  assert.equal((await next(others.at(-1)!) as LiveState).phase, "running");
  for (const reader of others) await reader.cancel();
  assert.equal((await events().then(next) as LiveState).phase, "running");
});
