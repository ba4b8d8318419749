/** Metrics by OTLP over HTTP while a run goes on, to a collector in this process. */
import assert from "node:assert/strict";
import * as v from "valibot";
import { NO_PROGRESS } from "../../base/test_progress.ts";
import { openTelemetry } from "../../cli/stream/telemetry.ts";
import { makeDocument } from "../fixtures/documents.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { runProgram, TestDaemon } from "../util/mod.ts";

/** ExportMetricsServiceRequest as JSON, as far as it is used here: 64-bit integers are texts in it. */
const VALUE = v.union([
  v.pipe(v.object({ stringValue: v.string() }), v.transform(({ stringValue }) => stringValue)),
  v.pipe(
    v.object({ intValue: v.union([v.number(), v.string()]) }),
    v.transform(({ intValue }) => String(intValue)),
  ),
]);
const ATTRIBUTES = v.pipe(
  v.array(v.object({ key: v.string(), value: VALUE })),
  v.transform((all) => Object.fromEntries(all.map(({ key, value }) => [key, value]))),
);
const POINT = v.pipe(
  v.object({
    attributes: ATTRIBUTES,
    timeUnixNano: v.pipe(v.string(), v.regex(/^\d{19}$/)),
    startTimeUnixNano: v.optional(v.pipe(v.string(), v.regex(/^\d{19}$/))),
    asDouble: v.optional(v.number()),
    asInt: v.optional(v.union([v.string(), v.number()])),
  }),
  v.transform(({ attributes, asDouble, asInt }) => ({ attributes, value: asDouble ?? Number(asInt) })),
);
const SUM = v.object({
  dataPoints: v.array(POINT),
  isMonotonic: v.literal(true),
  aggregationTemporality: v.picklist([2, "AGGREGATION_TEMPORALITY_CUMULATIVE"]),
});
const METRIC = v.object({
  name: v.string(),
  unit: v.string(),
  sum: v.optional(SUM),
  gauge: v.optional(v.object({ dataPoints: v.array(POINT) })),
});
const REQUEST = v.object({
  resourceMetrics: v.array(v.object({
    resource: v.object({ attributes: ATTRIBUTES }),
    scopeMetrics: v.array(v.object({ scope: v.object({ name: v.string() }), metrics: v.array(METRIC) })),
  })),
});

/** A collector: keeps what is sent to it. */
class Collector implements AsyncDisposable {
  readonly requests: { path: string; headers: Headers; body: v.InferOutput<typeof REQUEST> }[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** @param answer What it does before it answers; its status. */
  constructor(answer: () => number | Promise<number> = () => 200) {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
      const body = v.parse(REQUEST, await request.json());
      this.requests.push({ path: new URL(request.url).pathname, headers: request.headers, body });
      return new Response("{}", { status: await answer(), headers: { "content-type": "application/json" } });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** The points of a metric in all requests, in their order. */
  points(name: string): v.InferOutput<typeof POINT>[] {
    const metrics = this.requests.flatMap(({ body }) => body.resourceMetrics)
      .flatMap(({ scopeMetrics }) => scopeMetrics).flatMap(({ metrics }) => metrics);
    return metrics.filter((metric) => metric.name === name)
      .flatMap(({ sum, gauge }) => (sum ?? gauge)?.dataPoints ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function dummy(seconds: number, port: number): string[] {
  return ["run", "-t", "dummy", "-T", "127.0.0.1", "-a", `seconds=${seconds}`, "-c", `127.0.0.1:${port}`];
}

Deno.test("a collector gets each tester's figures, with run, class and tester, and what was sent in the end", async () => {
  await using one = await TestDaemon.start();
  await using other = await TestDaemon.start();
  await using echo = await EchoProcess.start();
  await using collector = new Collector();
  const folder = await Deno.makeTempDir({ prefix: "ipbench-test-" });
  try {
    const args = (bps: string) => `socktype=udp,size=64,bps=${bps},duration=3s,warmup=0,cooldown=0`;
    await Deno.writeTextFile(
      `${folder}/run.xml`,
      `<ipbench>
        <test name="latency" target="127.0.0.1" port="${echo.port}" class="voice">
          <client hostname="127.0.0.1" port="${one.port}" test_args="${args("256k")}"/></test>
        <test name="latency-check" target="127.0.0.1" port="${echo.port}" class="bulk">
          <client hostname="127.0.0.1" port="${other.port}" test_args="${args("512k")}"/></test></ipbench>`,
    );
    const { stdout, stderr } = await runProgram("ipbench", [
      "run",
      `${folder}/run.xml`,
      "--output",
      "json",
    ], {
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=lab",
        OTEL_METRIC_EXPORT_INTERVAL: "500",
        OTEL_RESOURCE_ATTRIBUTES: "site=rack7",
      },
    });
    // What two testers on a busy machine are worth is not asked here.
    const document = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
    assert.notEqual(document.run.failed, true, stderr);
    assert.ok(collector.requests.length >= 4, `${collector.requests.length} exports`);
    for (const { path, headers, body } of collector.requests) {
      assert.deepEqual([path, headers.get("x-tenant")], ["/v1/metrics", "lab"]);
      const { attributes } = body.resourceMetrics[0]!.resource;
      assert.deepEqual([attributes["service.name"], attributes["site"]], ["ipbench", "rack7"]);
    }
    const classes = [["voice", one, "latency"], ["bulk", other, "latency-check"]] as const;
    for (const [index, [name, daemon, test]] of classes.entries()) {
      const own = (metric: string) =>
        collector.points(metric).filter(({ attributes }) => attributes["ipbench.class"] === name);
      const sent = own("ipbench.packets.sent");
      for (const { attributes } of sent) {
        assert.deepEqual(attributes, {
          "ipbench.run": document.run.id,
          "ipbench.test": test,
          "ipbench.class": name,
          "ipbench.tester": `127.0.0.1:${daemon.port}`,
        });
      }
      const values = sent.map(({ value }) => value);
      assert.deepEqual(values, values.toSorted((a, b) => a - b), "a counter only grows");
      const total = document.clients[index].counts.sent;
      assert.equal(values.at(-1), total, "the result's figures are the last ones");
      const last = (metric: string) => own(metric).at(-1)?.value;
      const { counts, latency: { response } } = document.clients[index];
      assert.deepEqual(
        ["ok", "lost", "bad"].map((what) => last(`ipbench.packets.${what}`)),
        [counts.ok, counts.lost, counts.late + counts.corrupt],
      );
      assert.deepEqual(
        ["p50", "p99", "p999", "max"].map((what) => last(`ipbench.response_time.${what}`)),
        ["p50_ns", "p99_ns", "p999_ns", "max_ns"].map((key) => response[key] / 1e9),
      );
      assert.deepEqual([last("ipbench.received.rate"), last("ipbench.sent.rate")], [0, 0]);
      const states = own("ipbench.testers").slice(-3);
      assert.deepEqual(
        Object.fromEntries(states.map(({ attributes, value }) => [attributes["ipbench.state"], value])),
        { running: 0, done: 1, failed: 0 },
      );
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("of very many testers the sums of each class are sent", async () => {
  await using collector = new Collector();
  const names = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_METRIC_EXPORT_INTERVAL"] as const;
  const before = names.map((name) => [name, Deno.env.get(name)] as const);
  Deno.env.set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url);
  Deno.env.set("OTEL_METRIC_EXPORT_INTERVAL", "60000");
  try {
    const metrics = await openTelemetry(assert.fail);
    const document = makeDocument();
    const clients = Array.from({ length: 1001 }, (_, n) => ({ ...document.clients[0]!, port: n }));
    metrics!.begin({ ...document, clients });
    const peer = { role: "client", index: 1000, host: "127.0.0.1", port: 1 } as const;
    for (const index of [7, 1000]) {
      metrics!.take({
        kind: "progress",
        peer: { ...peer, index },
        progress: { ...NO_PROGRESS, sent: 5, p99Ns: index },
      });
    }
    await metrics!.finish({ clients: [] });
  } finally {
    for (const [name, value] of before) {
      value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
    }
  }
  assert.equal(collector.requests.length, 1);
  const [sent, ...more] = collector.points("ipbench.packets.sent");
  assert.deepEqual([sent?.value, Object.keys(sent!.attributes), more], [
    10,
    ["ipbench.run", "ipbench.test"],
    [],
  ]);
  assert.deepEqual(collector.points("ipbench.response_time.p99").map(({ value }) => value), [1e-6]);
});

Deno.test("without an endpoint, or switched off, nothing is sent", async () => {
  await using tester = await TestDaemon.start();
  await using collector = new Collector();
  for (const [name, value] of [["OTEL_SDK_DISABLED", "true"], ["OTEL_METRICS_EXPORTER", "none"]] as const) {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, [name]: value };
    const { code, stderr } = await runProgram("ipbench", dummy(0.2, tester.port), { env });
    assert.equal(code, 0, stderr);
  }
  assert.deepEqual(collector.requests, []);
});

const BAD: [what: string, answer: (() => number | Promise<number>) | null, why: RegExp][] = [
  ["that is not there", null, /ECONNREFUSED|refused/],
  ["that refuses", () => 400, /Bad Request/],
  ["that is overloaded", () => 503, /./],
];
for (const [what, answer, why] of BAD) {
  Deno.test(`a collector ${what} is told once, and harms nothing`, async () => {
    await using tester = await TestDaemon.start();
    await using collector = new Collector(answer ?? undefined);
    const env = {
      OTEL_METRIC_EXPORT_INTERVAL: "300",
      OTEL_EXPORTER_OTLP_ENDPOINT: answer === null ? "http://127.0.0.1:9" : collector.url,
    };
    const { code, stderr, ms } = await runProgram("ipbench", dummy(2, tester.port), { env });
    assert.equal(code, 0, stderr);
    const told = stderr.split("\n").filter((line) => line.includes("metrics cannot be sent"));
    assert.equal(told.length, 1, stderr);
    assert.match(told[0]!, why);
    assert.ok(ms < 20_000, `${ms} ms`);
  });
}

Deno.test("a collector that never answers holds nobody up", async () => {
  await using tester = await TestDaemon.start();
  using held = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const env = {
    OTEL_METRIC_EXPORT_INTERVAL: "300",
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(held.addr as Deno.NetAddr).port}`,
  };
  const { code, stderr, ms } = await runProgram("ipbench", dummy(2, tester.port), { env });
  assert.equal(code, 0, stderr);
  assert.equal(stderr.match(/metrics cannot be sent/g)?.length, 1, stderr);
  assert.ok(ms < 20_000, `${ms} ms`);
});

Deno.test("an endpoint that is none is named, and nothing is guessed", async () => {
  await using tester = await TestDaemon.start();
  for (
    const [env, said] of [
      [
        { OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" },
        "OTEL_EXPORTER_OTLP_ENDPOINT is no http:// or https:// address",
      ],
      [
        { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
        "OTEL_EXPORTER_OTLP_PROTOCOL is grpc",
      ],
    ] as const
  ) {
    const { code, stderr } = await runProgram("ipbench", dummy(0.2, tester.port), { env });
    assert.equal(code, 0, stderr);
    assert.ok(stderr.includes(said), stderr);
  }
});
