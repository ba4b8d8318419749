/**
 * The manifests of packaging/kubernetes: against the schemas that Kubernetes publishes, and their containers as plain
 * processes with the user, capabilities, files, variables and memory that they ask for.
 */
import assert from "node:assert/strict";
import {
  type Container,
  hasKubectl,
  type Manifest,
  manifest,
  Manifests,
  quantity,
} from "../fixtures/clusters/kubernetes.ts";
import { Pod } from "../fixtures/clusters/pod.ts";
import { parseMesh } from "../../results/mesh/document.ts";
import { MeshLab } from "../fixtures/network/mesh_lab.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { projectRoot, runProgram, until } from "../util/mod.ts";

const ignore = !hasKubectl();
/** Its number in linux/capability.h. */
const CAP_NET_RAW = 13;
const KUSTOMIZATIONS = ["base", "overlays/pinned", "mesh"];
/** Where the types of each kind are. */
const TYPES: Record<string, string> = {
  Job: "batch/v1",
  DaemonSet: "apps/v1",
  Service: "v1",
  Secret: "v1",
  ConfigMap: "v1",
  Namespace: "v1",
};

/** Checks manifests by the published schemas, as types: an unknown field is found, too. Gives what is wrong. */
async function problemsOf(all: readonly Manifest[]): Promise<string> {
  const kinds = [...new Set(all.map(({ kind }) => kind))];
  const imports = kinds.map((kind) => {
    const module = TYPES[kind] ?? assert.fail(`a ${kind} is not known here`);
    return `import type { I${kind} } from "kubernetes-models/${module}/${kind}";`;
  });
  const values = all.map((each, n) =>
    `export const m${n} = ${JSON.stringify(each, null, 1)} satisfies I${each.kind};`
  );
  // In the project, so that its packages are found; what is in build/ would be passed over.
  const file = await Deno.makeTempFile({ dir: `${projectRoot()}/tests/clusters`, suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, [...imports, ...values].join("\n"));
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "--frozen", file],
      env: { NO_COLOR: "1" },
    }).output();
    return code === 0 ? "" : new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(file);
  }
}

for (const path of KUSTOMIZATIONS) {
  Deno.test({ name: `Kubernetes: ${path} is as the published schemas have it`, ignore }, async () => {
    using manifests = new Manifests();
    assert.equal(await problemsOf(await manifests.render(path)), "");
  });
}

Deno.test(
  { name: "Kubernetes: the check finds a misspelt field, a wrong type and a missing one", ignore },
  async () => {
    using manifests = new Manifests();
    const all = await manifests.render("base");
    const wrong: [(job: Manifest) => void, RegExp][] = [
      [(job) => Object.assign(job.spec, { completionsMode: "Indexed" }), /completionsMode"?' does not exist/],
      [(job) => Object.assign(job.spec, { completions: "4" }), /'string' is not assignable to type 'number/],
      [
        (job) => delete (job.spec.template.spec.containers[0] as Partial<Container>).name,
        /'"?name"?' is missing/,
      ],
    ];
    for (const [spoil, why] of wrong) {
      const copy = structuredClone(all);
      spoil(manifest(copy, "Job", "ipbench-testers"));
      assert.match(await problemsOf(copy), why);
    }
  },
);

Deno.test({
  name: "Kubernetes: the overlay's numbers agree, and only the raw component gives a capability",
  ignore,
}, async () => {
  using manifests = new Manifests();
  const pinned = await manifests.render("overlays/pinned");
  const testers = manifest(pinned, "Job", "ipbench-testers");
  const controller = manifest(pinned, "Job", "ipbench-controller");
  const count = controller.spec.template.spec.containers[0].env?.find(({ name }) => name === "TESTERS")
    ?.value;
  assert.deepEqual([testers.spec.completions, testers.spec.parallelism, count], [100, 100, "100"]);
  const { limits, requests } = testers.spec.template.spec.containers[0].resources ?? {};
  assert.deepEqual(limits, requests, "without that processors are not pinned");
  assert.ok(Number.isInteger(quantity(limits?.["cpu"] ?? "")));
  for (const each of pinned.filter(({ kind }) => kind === "Job")) {
    assert.deepEqual(each.spec.template.spec.containers[0].securityContext?.capabilities, { drop: ["ALL"] });
  }
  const file = `${manifests.folder}/overlays/pinned/kustomization.yaml`;
  await Deno.writeTextFile(
    file,
    (await Deno.readTextFile(file)).replace("# components:\n#   -", "components:\n  -"),
  );
  const raw = await manifests.render("overlays/pinned");
  assert.equal(await problemsOf(raw), "");
  const { capabilities } = manifest(raw, "Job", "ipbench-testers").spec.template.spec.containers[0]
    .securityContext!;
  assert.deepEqual(capabilities, { add: ["NET_RAW"], drop: ["ALL"] });
  const other = manifest(raw, "Job", "ipbench-controller").spec.template.spec.containers[0];
  assert.deepEqual(other.securityContext?.capabilities, { drop: ["ALL"] });
});

const RUN =
  `<ipbench><test name="latency" target="127.0.0.1" port="PORT" args="socktype=udp,size=64,bps=1M,duration=2s,warmup=200ms,cooldown=200ms,limits=shared">
  <clients/></test></ipbench>`;

/** The manifests of a benchmark, with an echo to measure. */
async function benchmark(stack: AsyncDisposableStack): Promise<{ folder: string; all: Manifest[] }> {
  const manifests = stack.use(new Manifests());
  const echo = stack.use(await EchoProcess.start());
  await Deno.writeTextFile(`${manifests.folder}/base/run.xml`, RUN.replace("PORT", String(echo.port)));
  return { folder: manifests.folder, all: await manifests.render("base") };
}

/** The document that the controller's log ends with. */
function documentOf(controller: Pod) {
  const document = JSON.parse(controller.output.trimEnd().split("\n").at(-1)!);
  assert.notEqual(document.run.failed, true, controller.log);
  return document;
}

/** The manifests of a mesh, and the file of its secret. */
async function mesh(
  stack: AsyncDisposableStack,
): Promise<{ folder: string; all: Manifest[]; secret: string }> {
  const manifests = stack.use(new Manifests());
  const all = await manifests.render("mesh");
  const secret = `${manifests.folder}/mesh/secret`;
  await Deno.chmod(secret, 0o600);
  return { folder: manifests.folder, all, secret };
}

Deno.test({
  name:
    "Kubernetes: the Jobs' containers as processes run a benchmark within their limits, and the log holds it",
  ignore: ignore || !Pod.canRun(),
}, async () => {
  await using stack = new AsyncDisposableStack();
  const { folder, all } = await benchmark(stack);
  const { completions = 0 } = manifest(all, "Job", "ipbench-testers").spec;
  await using controller = await Pod.start(all, "ipbench-controller");
  const testers: Pod[] = [];
  try {
    for (let n = 0; n < completions; n++) {
      testers.push(await Pod.start(all, "ipbench-testers", { env: { JOB_COMPLETION_INDEX: String(n) } }));
    }
    const code = await controller.ended(60_000);
    assert.ok(code === 0 || code === 1, controller.log);
    const ends = await Promise.all(testers.map((pod) => pod.ended(20_000)));
    assert.deepEqual(ends, testers.map(() => 0), testers.map(({ log }) => log).join("\n"));
    const log = `${folder}/job.log`;
    await Deno.writeTextFile(log, controller.log);
    const last = documentOf(controller);
    assert.deepEqual(last.clients.map(({ host }: { host: string }) => host.split("@")[0]), [
      "0",
      "1",
      "2",
      "3",
    ]);
    assert.ok(last.clients.every(({ counts }: { counts: { sent: number } }) => counts.sent > 1000));
    const csv = await runProgram("ipbench", ["csv", log]);
    // A header and the row.
    assert.deepEqual([csv.code, csv.stdout.trimEnd().split("\n").length], [0, 2], csv.stderr);
    for (const pod of [controller, ...testers]) {
      // Some room is left for what a longer test keeps.
      assert.ok(
        pod.peakBytes > 0 && pod.peakBytes < 0.8 * pod.limitBytes,
        `${pod.peakBytes} of ${pod.limitBytes}`,
      );
      assert.doesNotMatch(pod.log, /can be read by others/);
    }
  } finally {
    for (const pod of testers) await pod[Symbol.asyncDispose]();
  }
});

Deno.test({
  name: "Kubernetes: testers of the raw component have one capability, others none, and all dial in",
  ignore: ignore || !Pod.canRun(),
}, async () => {
  using manifests = new Manifests();
  const file = `${manifests.folder}/overlays/pinned/kustomization.yaml`;
  const text = await Deno.readTextFile(file);
  for (
    const [components, bits] of [["# components:\n#   -", 0], ["components:\n  -", 1 << CAP_NET_RAW]] as const
  ) {
    await Deno.writeTextFile(file, text.replace("# components:\n#   -", components));
    await using pod = await Pod.start(await manifests.render("overlays/pinned"), "ipbench-testers");
    await until("it tries to join", 20_000, () => /cannot join ipbench-controller:8038/.test(pod.log));
    assert.equal(pod.capabilities, bits);
  }
});

Deno.test({
  name: "Kubernetes: a tester that is killed before the start is started again and takes its old place",
  ignore: ignore || !Pod.canRun(),
}, async () => {
  await using stack = new AsyncDisposableStack();
  const { all } = await benchmark(stack);
  await using controller = await Pod.start(all, "ipbench-controller");
  const start = (n: number) =>
    Pod.start(all, "ipbench-testers", { env: { JOB_COMPLETION_INDEX: String(n) } });
  await using first = await start(0);
  await until("the first has joined", 20_000, () => /joined/.test(first.log));
  first.kill();
  await first.ended(10_000);
  const pods = [await start(0), await start(1), await start(2), await start(3)];
  try {
    await controller.ended(60_000);
    const last = documentOf(controller);
    assert.ok(last.clients.every(({ error }: { error?: string }) => error === undefined), controller.log);
  } finally {
    for (const pod of pods) await pod[Symbol.asyncDispose]();
  }
});

Deno.test({
  name: "Kubernetes: the DaemonSet's container serves whoever has the secret, in memory files, too",
  ignore: ignore || !Pod.canRun(),
}, async () => {
  await using stack = new AsyncDisposableStack();
  const { all, secret } = await mesh(stack);
  for (const env of [{}, { IPBENCH_LAUNCHER_WAY: "memory" }]) {
    await using pod = await Pod.start(all, "ipbenchd", { env });
    await until("it is ready", 30_000, () => /ready:/.test(pod.log));
    const args = ["run", "-t", "dummy", "-T", "127.0.0.1", "-a", "seconds=0.2", "-c", "127.0.0.1:8036"];
    const { code, stderr } = await runProgram("ipbench", [...args, "--secret-file", secret]);
    assert.equal(code, 0, stderr);
    assert.ok(pod.peakBytes < pod.limitBytes, `${pod.peakBytes} of ${pod.limitBytes}`);
  }
});

Deno.test({
  name: "Kubernetes: a DaemonSet's containers on each of three hosts measure a mesh",
  ignore: ignore || !Pod.canRun() || !MeshLab.canRun(),
}, async () => {
  await using stack = new AsyncDisposableStack();
  const { folder, all, secret } = await mesh(stack);
  const lab = stack.use(await MeshLab.start(3));
  const pods: Pod[] = [];
  for (const host of [1, 2, 3]) {
    for (const container of ["tester", "target"]) {
      pods.push(stack.use(await Pod.start(all, "ipbenchd", { container, wrap: lab.wrap(host) })));
    }
  }
  await until("all are ready", 60_000, () => pods.every(({ log }) => /ready:/.test(log)));
  const json = `${folder}/mesh.json`;
  const hosts = [1, 2, 3].map((host) => lab.address(host));
  const args = ["mesh", ...hosts, "--sleep", "--no-rate", "--secret-file", secret, "--json", json];
  const { code, stderr } = await runProgram("ipbench", args);
  assert.ok(code === 0 || code === 1, stderr); // a busy machine may make pairs INVALID
  const { pairs } = parseMesh(await Deno.readTextFile(json));
  assert.equal(pairs.length, 6);
});
