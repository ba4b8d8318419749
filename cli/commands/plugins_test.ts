import assert from "node:assert/strict";
import { NEEDY_TESTS, type PluginInfo } from "../../ffi/mod.ts";
import { table, whyNot } from "./plugins.ts";

const LATENCY: PluginInfo = {
  name: "latency",
  side: "client",
  descr: "Round-trip times",
  id: 1,
  defaultPort: 7,
  origin: "embedded",
  version: "1.0.0",
  interface: { major: 1, minor: 2 },
  csvHeader: null,
  options: [],
  metrics: [],
  needsTarget: true,
  missing: [],
};

Deno.test("a build without libnfs says why nfs_latency is not there", () => {
  assert.equal(
    table([LATENCY], NEEDY_TESTS, Infinity),
    "NAME         SIDE    VERSION  FROM      DESCRIPTION\n" +
      "latency      client  1.0.0    embedded  Round-trip times\n" +
      "nfs_latency  client  -        not here  needs libnfs, Debian's package libnfs-dev, on this machine and where " +
      "ipbench was built\n" +
      "http         client  -        not here  needs http_parser, Debian's package libhttp-parser-dev, where ipbench was built\n",
  );
  assert.match(whyNot("nfs_latency", [LATENCY]), /^nfs_latency is not here: it needs libnfs, .*libnfs-dev/);
  assert.equal(whyNot("latancy", [LATENCY]), 'no plugin is named latancy; did you mean "latency"?');
  assert.equal(
    whyNot("nfs_latncy", [LATENCY, { name: "nfs_latency" }]),
    'no plugin is named nfs_latncy; did you mean "nfs_latency"?',
  );
  assert.equal(whyNot("zzz", [LATENCY]), "no plugin is named zzz; known: latency");
});
