// The main module of a program that the launcher starts: evaluates the part of the bundle that is wanted.
const TABLE_BYTES = 512; // scripts/lib/bundle.ts knows it too

function wanted(args) {
  if (args[0] === "__plugin-host") return "host";
  return args.length === 1 && args[0] === "--version" ? "version" : "main";
}

/** What `ps` and `killall` show; executed from memory, the process would have the number of a descriptor for a name. */
function setName(part) {
  const name = part === "host" ? "ipbench-plugin" : Deno.env.get("IPBENCH_LAUNCHER_NAME") ?? "ipbench";
  try {
    Deno.writeTextFileSync("/proc/self/comm", name.slice(0, 15));
  } catch {
    // Only cosmetic.
  }
}

const path = Deno.env.get("IPBENCH_LAUNCHER_BUNDLE");
const begin = Number(Deno.env.get("IPBENCH_LAUNCHER_OFFSET"));

function read(file, offset, length) {
  const bytes = new Uint8Array(length);
  file.seekSync(begin + offset, Deno.SeekMode.Start);
  for (let at = 0; at < length;) {
    const count = file.readSync(bytes.subarray(at));
    if (count === null) throw new Error("the bundle ends too early");
    at += count;
  }
  return new TextDecoder().decode(bytes);
}

function evaluate(part) {
  const file = Deno.openSync(path);
  const [offset, length] = JSON.parse(read(file, 0, TABLE_BYTES))[part];
  const text = read(file, offset, length);
  file.close();
  (0, eval)(text);
}

/** Parts with libraries that few calls need, by how the libraries' names begin. */
const LATE = { "echarts/": "charts", "@opentelemetry/": "telemetry" };
/** What evaluated parts have put here. */
globalThis.ipbenchLibraries = {};

globalThis.ipbenchRequire = (name) => {
  const late = Object.keys(LATE).find((beginning) => name.startsWith(beginning));
  if (late === undefined) return process.getBuiltinModule(name);
  if (globalThis.ipbenchLibraries[name] === undefined) evaluate(LATE[late]);
  return globalThis.ipbenchLibraries[name];
};
const part = wanted(Deno.args);
setName(part);
evaluate(part);
