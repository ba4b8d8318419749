import assert from "node:assert/strict";
import fc from "fast-check";
import { formatAddress, hostProblem, parseAddress, parsePort } from "./address.ts";

Deno.test("a host alone takes the default port", () => {
  assert.deepEqual(parseAddress("lab-1", 8036), { host: "lab-1", port: 8036 });
  assert.deepEqual(parseAddress("::1", 8036), { host: "::1", port: 8036 });
  assert.deepEqual(parseAddress("[::1]", 8036), { host: "::1", port: 8036 });
});

Deno.test("host and port", () => {
  assert.deepEqual(parseAddress("lab-1:9000", 8036), { host: "lab-1", port: 9000 });
  assert.deepEqual(parseAddress("[fe80::1]:9000", 8036), { host: "fe80::1", port: 9000 });
});

Deno.test("what is wrong is said with what was typed", () => {
  assert.equal(
    parseAddress("a:99999", 1),
    'in "a:99999", "99999" is not a port; expected a number from 1 to 65535',
  );
  assert.equal(parseAddress("a:", 1), 'in "a:", "" is not a port; expected a number from 1 to 65535');
  assert.equal(parseAddress("", 1), "a host name or address is missing");
  assert.equal(parseAddress(":80", 1), "a host name or address is missing");
  assert.equal(hostProblem("a b"), '"a b" is not a host name or address');
  assert.equal(hostProblem("a||port::1"), '"a||port::1" is not a host name or address');
  assert.equal(hostProblem("x".repeat(300)), "a host name of 300 characters is too long (255)");
});

Deno.test("ports", () => {
  assert.equal(parsePort("1"), 1);
  assert.equal(parsePort("65535"), 65535);
  assert.equal(parsePort("0", 0), 0);
  for (const text of ["0", "65536", "-1", "1.5", "", "abc", "1e3", "000001", "0x10"]) {
    assert.equal(typeof parsePort(text), "string", text);
  }
});

Deno.test("property: an address that is written is read back", () => {
  const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
  fc.assert(fc.property(host, fc.integer({ min: 1, max: 65535 }), (name, port) => {
    assert.deepEqual(parseAddress(formatAddress({ host: name, port }), 1), { host: name, port });
  }));
});
