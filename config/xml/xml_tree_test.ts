import assert from "node:assert/strict";
import fc from "fast-check";
import { ConfigError } from "../config_error.ts";
import { MAX_CONFIG_BYTES, MAX_CONFIG_DEPTH } from "../limits.ts";
import { LineIndex } from "./line_index.ts";
import { type ConfigElement, decodeConfig, parseXmlTree } from "./xml_tree.ts";

/** What a call throws, as the user reads it. */
function messageOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  assert.fail("nothing was thrown");
}

const parse = (text: string): ConfigElement => parseXmlTree(text, "f.xml");
const place = (line: number, column: number) => ({ file: "f.xml", line, column });

Deno.test("elements and attributes know their places", () => {
  const root = parse('<?xml version="1.0"?>\n<a>\n  <b x="1"\n     long = \'2\'/>\n</a>\n');
  const b = root.children[0];
  assert.deepEqual(root.position, place(2, 1));
  assert.deepEqual(b?.position, place(3, 3));
  assert.deepEqual(b?.attributes.get("x")?.position, place(3, 6));
  assert.deepEqual(b?.attributes.get("x")?.valuePosition, place(3, 9));
  assert.deepEqual(b?.attributes.get("long")?.position, place(4, 6));
  assert.deepEqual(b?.attributes.get("long")?.valuePosition, place(4, 14));
});

Deno.test("CRLF, a lone CR and a byte order mark do not move lines", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const root = parse(`\uFEFF<a>${end}${end} <b/>${end}</a>`);
    assert.deepEqual(root.children[0]?.position, place(3, 2));
  }
});

Deno.test("columns count characters, not UTF-16 units", () => {
  const root = parse('<a t="😀"><b/></a>');
  assert.deepEqual(root.children[0]?.position, place(1, 10));
});

Deno.test("an attribute value with > and quotes inside is found", () => {
  const root = parse(`<a one="x > y" two='say "hi"' three="&quot;"/>`);
  assert.deepEqual(root.attributes.get("two")?.valuePosition, place(1, 21));
  assert.deepEqual(root.attributes.get("three")?.position, place(1, 31));
  assert.equal(root.attributes.get("three")?.value, '"');
});

Deno.test("names of Object.prototype are names like others", () => {
  const root = parse('<a __proto__="1" constructor="2"><__proto__/></a>');
  assert.equal(root.attributes.get("__proto__")?.value, "1");
  assert.equal(root.children[0]?.name, "__proto__");
});

Deno.test("text between elements is kept with its place, white space is not", () => {
  const root = parse("<a>\n  oops\n  <b/>\n</a>");
  assert.deepEqual(root.text, { value: "oops", position: place(2, 3) });
  assert.equal(root.children[0]?.text, null);
});

Deno.test("malformed documents name the place", () => {
  assert.match(
    messageOf(() => parse('<a x="1" x="2"/>')),
    /^f\.xml:1:15: malformed XML: Duplicate attribute: x; delete one of the two$/,
  );
  assert.match(messageOf(() => parse("<a/><b/>")), /^f\.xml:1:5: malformed XML: /);
  assert.match(messageOf(() => parse("<a>&bomb;</a>")), /^f\.xml:1:\d+: malformed XML: /);
  assert.match(messageOf(() => parse("<a x='<'/>")), /^f\.xml:1:7: malformed XML: /);
});

Deno.test("a DOCTYPE is refused, also in lower case, but not inside a comment", () => {
  const said = "a DOCTYPE is not allowed here; delete it, entities have to be written out";
  assert.equal(messageOf(() => parse('\n<!DOCTYPE a [<!ENTITY x "y">]>\n<a>&x;</a>')), `f.xml:2:1: ${said}`);
  assert.equal(messageOf(() => parse("<!doctype a><a/>")), `f.xml:1:1: ${said}`);
  assert.equal(parse("<!-- <!DOCTYPE a> --><a/>").name, "a");
});

Deno.test("too deep is refused before it is parsed, empty and closed elements do not count", () => {
  const deep = (n: number) => "<a>".repeat(n) + "</a>".repeat(n);
  assert.equal(parse(deep(MAX_CONFIG_DEPTH)).name, "a");
  assert.match(
    messageOf(() => parse(deep(MAX_CONFIG_DEPTH + 1))),
    /^f\.xml:1:49: elements are nested more than 16/,
  );
  assert.match(messageOf(() => parse("<a>".repeat(300_000))), /nested more than 16/);
  assert.equal(parse(`<a>${"<b/>".repeat(1000)}${"<b></b>".repeat(1000)}</a>`).children.length, 2000);
});

Deno.test("too large and not UTF-8 are refused", () => {
  const big = new Uint8Array(MAX_CONFIG_BYTES + 1).fill(0x20);
  assert.match(
    messageOf(() => decodeConfig(big, "f.xml")),
    /^f\.xml:1:1: the file has 4194305 bytes; at most/,
  );
  assert.match(messageOf(() => parse(" ".repeat(MAX_CONFIG_BYTES + 1))), /too large/);
  assert.equal(
    messageOf(() => decodeConfig(new Uint8Array([0x3c, 0xff]), "f.xml")),
    "f.xml:1:1: the file is not UTF-8 text; save it as UTF-8",
  );
});

Deno.test("a file is read in the encoding that it says", () => {
  const text = '<a b="\u00fc"/>';
  const wide = (text: string, little: boolean) => {
    const view = new DataView(new ArrayBuffer(text.length * 2));
    for (let i = 0; i < text.length; i++) view.setUint16(i * 2, text.charCodeAt(i), little);
    return new Uint8Array(view.buffer);
  };
  const narrow = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const read = (bytes: Uint8Array) => parse(decodeConfig(bytes, "f.xml")).attributes.get("b")?.value;
  const declared = (encoding: string) => `<?xml version="1.0" encoding="${encoding}"?>\n${text}`;
  for (const little of [true, false]) {
    assert.equal(read(wide(`\ufeff${declared("UTF-16")}`, little)), "\u00fc");
    assert.equal(read(wide(text, little)), "\u00fc");
  }
  assert.equal(read(narrow(declared("ISO-8859-1"))), "\u00fc");
  assert.equal(read(new TextEncoder().encode(declared("utf-8"))), "\u00fc");
  assert.equal(read(new TextEncoder().encode(`\ufeff${text}`)), "\u00fc");
  assert.equal(
    messageOf(() => decodeConfig(narrow(declared("klingon")), "f.xml")),
    "f.xml:1:1: the file is not KLINGON text; save it as UTF-8",
  );
});

Deno.test("a million CRLFs take no time to speak of", () => {
  assert.equal(parse("<a>" + "\r\n".repeat(1_000_000) + "</a>").name, "a");
});

Deno.test("property: an attribute's places are exact wherever it stands", () => {
  const space = fc.array(fc.constantFrom(" ", "\n", "\t", "\r\n"), { minLength: 1, maxLength: 4 }).map((a) =>
    a.join("")
  );
  const value = fc.string({ maxLength: 12 }).map((text) => text.replace(/[<&"\p{C}\p{Z}]/gu, "x"));
  const lead = fc.array(fc.constantFrom("<b/>", "\n", "é", "😀", "<!-- x='1' > -->", "\r\n"), {
    maxLength: 6,
  });
  fc.assert(fc.property(lead, space, space, value, (before, gap, around, text) => {
    const start = `<a>${before.join("")}<t${gap}x${around}=${around}"`;
    const source = `${start}${text}"/></a>`;
    const root = parse(source);
    const found = root.children.find((child) => child.name === "t")?.attributes.get("x");
    const normal = start.replace(/\r\n?/g, "\n");
    const index = new LineIndex(normal + text, "f.xml");
    assert.equal(found?.value, text);
    assert.deepEqual(found?.valuePosition, index.position(normal.length));
    assert.deepEqual(found?.position, index.position(normal.lastIndexOf("x", normal.lastIndexOf("="))));
  }));
});

Deno.test("property: any text is a tree or a ConfigError with a place, never anything else", () => {
  const piece = fc.oneof(
    fc.string({ maxLength: 5 }),
    fc.constantFrom(
      "<a>",
      "</a>",
      "<",
      ">",
      "<!--",
      "-->",
      "<![CDATA[",
      "]]>",
      "<?",
      "?>",
      '"',
      "&amp;",
      "a='",
      "<!D",
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      try {
        parse(pieces.join(""));
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
        assert.match(error.message, /^f\.xml:\d+:\d+: /);
      }
    }),
    { numRuns: 2000 },
  );
});
