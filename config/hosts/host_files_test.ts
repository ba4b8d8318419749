import assert from "node:assert/strict";
import { ConfigError } from "../config_error.ts";
import { parseConfigFile } from "../config_file.ts";
import { daemonsOf } from "../daemons.ts";
import { parseHostFiles, strayHosts, typedKeys } from "./host_files.ts";

Deno.test("files of keys: for all, for a host, for one of its ports, for none; a path may hold an equals sign", () => {
  const files = parseHostFiles(["old", "a=/k/a", "a:9=/k/a9", "[::1]:8036=six", "b=", "/k/x=y", "./x=y"]);
  assert.equal(files.all, "./x=y");
  const none = parseHostFiles([]);
  const file = (host: string, port = 8036) =>
    typedKeys({ secretFile: files, tlsCa: none }, { host, port }).secretFile;
  assert.deepEqual([file("a"), file("a", 9), file("::1"), file("::1", 9), file("b"), file("c")], [
    ...["/k/a", "/k/a9", "six", undefined, null, undefined],
  ]);
  assert.deepEqual(strayHosts(files, [{ host: "a", port: 1 }, { host: "::1", port: 8036 }]), ["a:9", "b"]);
});

const PORTS = { client: 8036, target: 8037 };
const read = (xml: string) =>
  daemonsOf(
    parseConfigFile(xml, "lab.xml"),
    PORTS,
    ({ host }) => host === "c" ? { secretFile: "typed" } : {},
  );

Deno.test("the daemons of a configuration: each once, with keys of its own; what runs may be missing", () => {
  const { daemons, places } = read(`<ipbench>
  <test secret_file="s">
    <client hostname="a"/>
    <client hostname="c"/>
    <client hostname="b" port="9" secret_file="" tls_ca="ca"/>
    <client hostname="a"/>
  </test>
  <target_test><target hostname="a" tls_ca="ca"/></target_test>
</ipbench>`);
  assert.deepEqual(daemons, [
    { host: "a", port: 8036, secretFile: "s" },
    { host: "c", port: 8036, secretFile: "typed" },
    { host: "b", port: 9, secretFile: null, tlsCa: "ca" },
    { host: "a", port: 8037, tlsCa: "ca" },
  ]);
  const where = (path: string) => {
    const place = places.get(path)?.where ?? null;
    return typeof place === "object" ? place?.line : place;
  };
  assert.deepEqual(
    [0, 1, 2, 3].map((n) => [where(`clients[${n}].secretFile`), where(`clients[${n}].tlsCa`)]),
    [
      ...[[2, undefined], ["--secret-file", undefined], [5, 5], [undefined, 8]],
    ],
  );
});

Deno.test("the daemons of a configuration: a tester keeps its keys where a target has the same address", () => {
  const xml = `<ipbench><test secret_file="one"><client hostname="a"/></test>
<target_test secret_file="two"><target hostname="a"/></target_test></ipbench>`;
  const { daemons } = daemonsOf(parseConfigFile(xml, "lab.xml"), { client: 1, target: 1 }, () => ({}));
  assert.deepEqual(daemons, [{ host: "a", port: 1, secretFile: "one" }]);
});

Deno.test("the daemons of a configuration: what is wrong is told with its place", () => {
  const problems = (xml: string) => {
    try {
      read(xml);
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      return error.problems.map(({ message }) => message).join(" ");
    }
    throw new Error("it was taken");
  };
  assert.match(problems(`<ipbench><test><client/></test></ipbench>`), /<client> without hostname/);
  assert.match(
    problems(`<ipbench><test><client hostname="a" port="x"/></test></ipbench>`),
    /"x" is not a port/,
  );
  assert.match(problems(`<ipbench><test name="latency"/></ipbench>`), /names no client and no target/);
  assert.match(
    problems(`<ipbench><test><client hostname="a" secretfile="s"/></test></ipbench>`),
    /secret_file/,
  );
});
