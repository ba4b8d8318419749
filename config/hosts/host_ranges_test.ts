import assert from "node:assert/strict";
import fc from "fast-check";
import { parseAddress } from "../address.ts";
import { MAX_HOSTS } from "../limits.ts";
import { expandRange, parseHostList } from "./host_ranges.ts";

Deno.test("ranges: numbers, lists, zeros in front, several brackets", () => {
  for (
    const [word, ...hosts] of [
      ["lab", "lab"],
      ["lab[3]", "lab3"],
      ["lab[9-11]", "lab9", "lab10", "lab11"],
      ["lab[08-10].x:9036", "lab08.x:9036", "lab09.x:9036", "lab10.x:9036"],
      ["lab[1,3,7-9]", "lab1", "lab3", "lab7", "lab8", "lab9"],
      ["r[1-2]n[01,5]", "r1n01", "r1n5", "r2n01", "r2n5"],
      ["root@lab[1-2]", "root@lab1", "root@lab2"],
      ["10.0.[0-1].7", "10.0.0.7", "10.0.1.7"],
      ["lab:[8036-8037]", "lab:8036", "lab:8037"],
      ["[::1]:8036", "[::1]:8036"],
      ["fd00::[1-2]", "fd00::1", "fd00::2"],
      ["[fd00::[9-10]]:80", "[fd00::9]:80", "[fd00::10]:80"],
      ["a[1-2]=10.0.0.[7-8]", "a1=10.0.0.7", "a2=10.0.0.8"],
    ] as [string, ...string[]][]
  ) assert.deepEqual(expandRange(word), hosts, word);
});

Deno.test("ranges: what is wrong is told with the word", () => {
  const HOLD = "the brackets hold no numbers; expected such as [1-8] or [01,03,07-12]";
  for (
    const [word, wrong] of [
      ["lab[8-1]", "8-1 goes backwards; expected 1-8"],
      ["lab[1-]", '"1-" is no number and no range; expected such as 3 or 1-8'],
      ["lab[1,,2]", '"" is no number and no range; expected such as 3 or 1-8'],
      ["lab[1-3,2]", "2 is there twice"],
      ["lab[1-99999]", `there are more than ${MAX_HOSTS} hosts`],
      ["r[1-200]n[1-200]", `there are more than ${MAX_HOSTS} hosts`],
      ["lab[0-9999999999]", "0-9999999999 has more than 9 digits"],
      ["lab[a-c]", HOLD],
      ["lab[]", HOLD],
      ["lab[1-3", HOLD],
      ["lab1-3]", HOLD],
      ["a[1-2]=b[1-3]", "2 hosts have 3 addresses"],
    ] as const
  ) assert.equal(expandRange(word), `in ${JSON.stringify(word)}, ${wrong}`);
});

Deno.test("ranges: what has no brackets is left as it is, whatever it is", () => {
  fc.assert(fc.property(fc.string(), (word) => {
    fc.pre(!/[[\]=]/.test(word));
    assert.deepEqual(expandRange(word), [word]);
  }));
  fc.assert(fc.property(fc.ipV6(), fc.nat(65535), (host, port) => {
    const word = `[${host}]:${port + 1 > 65535 ? 1 : port + 1}`;
    assert.deepEqual(expandRange(word), [word]);
    assert.equal(typeof parseAddress(word, 1), "object");
  }));
});

Deno.test("ranges: as many hosts as numbers, each once, in order", () => {
  fc.assert(fc.property(fc.nat(2000), fc.nat(500), fc.integer({ min: 0, max: 5 }), (first, more, width) => {
    const pad = (n: number) => `${n}`.padStart(width, "0");
    const hosts = expandRange(`h[${pad(first)}-${first + more}]`) as string[];
    assert.equal(hosts.length, more + 1);
    assert.deepEqual(hosts.map((host) => Number(host.slice(1))), Array.from(hosts, (_, i) => first + i));
    assert.equal(hosts[0], `h${pad(first)}`);
  }));
});

Deno.test("lists of hosts: words, lines, remarks; what is wrong has its line", () => {
  const read = (text: string) => parseHostList(text, "hosts");
  const good = "# the lab\r\nlab[1-2]  other:9036 # two\n\n\t10.0.0.1\nroot#1";
  assert.deepEqual(read(good), { hosts: ["lab1", "lab2", "other:9036", "10.0.0.1", "root#1"], wrong: [] });
  assert.deepEqual(read("# nobody\n\n"), { hosts: [], wrong: ["hosts names no host"] });
  assert.deepEqual(read("a\nlab[2-1]\n@more\na b[1-2] b2").wrong, [
    'hosts:2: in "lab[2-1]", 2-1 goes backwards; expected 1-2',
    "hosts:3: a list of hosts names no other list (@more)",
    "hosts:4: a is there twice (first: line 1)",
    "hosts:4: b2 is there twice (first: line 4)",
  ]);
  assert.deepEqual(read("a[1-15000]\nb[1-15000]"), {
    hosts: [],
    wrong: ["hosts: there are more than 20000 hosts"],
  });
});
