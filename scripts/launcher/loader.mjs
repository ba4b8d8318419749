// The main module of a program that the launcher starts: evaluates the bundle as a classic script.
globalThis.ipbenchRequire = (name) => process.getBuiltinModule(name);
(0, eval)(Deno.readTextFileSync(Deno.env.get("IPBENCH_LAUNCHER_BUNDLE")) + "\n//# sourceURL=ipbench.js");
