/**
 * What `ipbench plugin check` finds: in what a plugin's functions give, in files that are no plugins, and in ours.
 *
 * @module
 */
import assert from "node:assert/strict";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { projectRoot, runProgram } from "../util/mod.ts";

const PLUGINS = `${projectRoot()}/build/plugins`;
/** The statement of the template that writes its results. */
const RESULTS = /snprintf\(\*json, 128, .*;/;

/** The template's test, for as short as can be. */
const QUICK = ["--args", "seconds=0"];

/** A file that was made from the template, in a folder of its own. */
async function built(
  change: (source: string) => string,
  body: (file: string) => Promise<void>,
  side: "client" | "target" = "client",
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-check-" });
  try {
    const made = await runProgram("ipbench", ["plugin", "new", "mine", `--${side}`], { cwd: folder });
    assert.equal(made.code, 0, made.stderr);
    const path = `${folder}/mine/mine.c`;
    const before = await Deno.readTextFile(path);
    const after = change(before);
    assert.notEqual(after, before, "the template has changed");
    await Deno.writeTextFile(path, after);
    const { success, stderr } = await new Deno.Command("make", { args: ["-B", "-C", `${folder}/mine`] })
      .output();
    assert.ok(success, new TextDecoder().decode(stderr));
    await body(`${folder}/mine/mine.so`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The lines of a check that begin with WRONG. */
async function faults(file: string, args: string[] = []): Promise<string[]> {
  const { code, stdout, stderr } = await runProgram("ipbench", ["plugin", "check", file, ...args]);
  const found = stdout.split("\n").filter((line) => line.startsWith("WRONG")).map((line) => line.slice(7));
  assert.equal(code, found.length === 0 ? 0 : 1, stdout + stderr);
  assert.doesNotMatch(stderr, /mistake in ipbench|\n\s+at /);
  return found;
}

const WRONG_RESULTS: [name: string, json: string, expected: RegExp[]][] = [
  ["a misspelt key", `{"metrics":[{"nam":"text_size","value":1,"unit":"byte"}]}`, [
    /^results without a run: metrics\[0\]\.name: is missing$/,
    /^results without a run: metrics\[0\]: unknown key "nam"; did you mean "name"\?$/,
  ]],
  ["a misspelt part", `{"metrcs":[]}`, [/: unknown key "metrcs"; did you mean "metrics"\?$/]],
  ["a text for a number", `{"metrics":[{"name":"text_size","value":"1","unit":"byte"}]}`, [
    /: metrics\[0\]\.value: expected a number, found "1"$/,
  ]],
  ["a metric that the table lacks", `{"metrics":[{"name":"text_sise","value":1,"unit":"byte"}]}`, [
    /: metrics: "text_sise" is not in the table of metrics; did you mean "text_size"\?$/,
  ]],
  ["another unit than the table's", `{"metrics":[{"name":"text_size","value":1,"unit":"bit"}]}`, [
    /: metrics: text_size is in bit, and the table of metrics says byte$/,
  ]],
  [
    "one metric twice",
    `{"metrics":[${`,{"name":"text_size","value":1,"unit":"byte"}`.repeat(2).slice(1)}]}`,
    [
      /: metrics: there are two of "text_size"$/,
    ],
  ],
  [
    "packets that nobody accounts for",
    `{"counts":{"sent":9,"ok":7,"lost":1,"late":0,"corrupt":0,"duplicate":0,"reordered":0}}`,
    [/: counts: 9 sent are not 7 ok \+ 1 lost \+ 0 late \+ 0 corrupt$/],
  ],
  ["a histogram that is none", `{"histograms":{"response":"AAAA","service":null}}`, [
    /: histograms\.response: /,
  ]],
  ["no object", `[1]`, [/gave results that are not a JSON object$/]],
  ["no JSON", `{"metrics":`, [/gave results that are not JSON: /]],
];

for (const [name, json, expected] of WRONG_RESULTS) {
  Deno.test(`plugin check: results with ${name}`, async () => {
    const text = JSON.stringify(json);
    const change = (source: string) => source.replace(RESULTS, `snprintf(*json, 128, "%s", ${text});`);
    await built(change, async (file) => {
      const found = await faults(file, QUICK);
      for (const pattern of expected) {
        assert.ok(found.some((line) => pattern.test(line)), `${pattern}: ${found}`);
      }
    });
  });
}

for (const [name, value, shown] of [["nan", "zero / zero", "-?nan"], ["inf", "1 / zero", "inf"]] as const) {
  Deno.test(`plugin check: ${name} is no number of a plugin's results`, async () => {
    const statement =
      `volatile double zero = 0; snprintf(*json, 128, "{\\"metrics\\":[{\\"name\\":\\"text_size\\",` +
      `\\"value\\":%f,\\"unit\\":\\"byte\\"}]}", ${value});`;
    await built((source) => source.replace(RESULTS, statement), async (file) => {
      const found = await faults(file, QUICK);
      const expected = new RegExp(
        `^results without a run: .* results that are not JSON: ${shown} is no number there; leave out what is not known$`,
        "m",
      );
      assert.match(found.join("\n"), expected);
    });
  });
}

Deno.test("plugin check: what the tables say is held against what is printed, run and possible", async () => {
  await built((source) => source.replace('csv_header = "Text"', 'csv_header = "Text,Size"'), async (file) => {
    assert.match(
      (await faults(file))[0] ?? "",
      /^output prints 1 columns, and csv_header names 2: Text,Size$/,
    );
  });
  await built((source) => source.replace("IPBENCH_TOTAL_SUM", "9"), async (file) => {
    assert.deepEqual(await faults(file), ["metric text_size: 9 is no way to add up (enum ipbench_total)"]);
  });
  await built(
    (source) => source.replace("*ns = (uint64_t)(seconds * 1e9) + 1", "*ns = 1000000"),
    async (file) => {
      assert.match(
        (await faults(file))[0] ?? "",
        /^start went on for more than 0\.001 s, the most that expected_du/,
      );
    },
  );
  await built((source) => source.replace("return parse(arg);", "return parse(arg), -1;"), async (file) => {
    assert.match(
      (await faults(file))[0] ?? "",
      /^setup: setup of plugin mine returned -1, and left no sentence/,
    );
  });
});

Deno.test("plugin check: a test that sets only some fields of the progress page tells progress", async () => {
  const change = (source: string) => source.replace(/^.*PROGRESS_SET.*(phase|updates),.*\n/gm, "");
  await built(change, async (file) => {
    const { stdout } = await runProgram("ipbench", ["plugin", "check", file, "--args", "seconds=0.1"]);
    assert.match(stdout, /^ok +progress: phase idle at the end$/m);
  });
});

Deno.test("plugin check: arguments that a plugin refuses are no fault of its own, and reach it with --args", async () => {
  const { code, stdout } = await runProgram("ipbench", [
    ...["plugin", "check", `${PLUGINS}/dummy.so`, "--args", "seconds=0.1,text=given"],
  ]);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /^ok +start: returned after 0\.\d s$/m);
  assert.match(stdout, /DUMMY RETURNED: given/);
  const refused = await runProgram("ipbench", [
    "plugin",
    "check",
    `${PLUGINS}/dummy.so`,
    "--args",
    "secnds=1",
  ]);
  assert.equal(refused.code, 0, refused.stdout);
  assert.match(refused.stdout, /^note +setup: .*unknown argument.*secnds/m);
  assert.match(refused.stdout, /^note +not run: setup refused what --args and --target say$/m);
});

const ENDS: [name: string, place: string, instead: string, expected: RegExp][] = [
  ["aborts", "snprintf(*json", "abort(); snprintf(*json", /crashed with SIGABRT in unmarshall/],
  [
    "ends its process",
    "clock_gettime(CLOCK_MONOTONIC, &begin);",
    "exit(3);",
    /ended its process with status 3 in start/,
  ],
  [
    "hangs",
    "memcpy(*data, input",
    "for (;;) nanosleep(&(struct timespec){1, 0}, NULL); memcpy(*data, input",
    new RegExp(
      "did not return from unmarshall within 5 s",
    ),
  ],
  [
    "cannot be stopped",
    "!atomic_load_explicit(&stopping, memory_order_acquire) && elapsed < seconds",
    "1",
    new RegExp(
      "went on for 5 s after stop",
    ),
  ],
];

for (const [name, place, instead, expected] of ENDS) {
  Deno.test(`plugin check: a plugin that ${name}`, async () => {
    await built((source) => source.replace(place, instead), async (file) => {
      const { code, stdout, stderr } = await runProgram("ipbench", ["plugin", "check", file]);
      assert.equal(code, 1, stdout + stderr);
      assert.match(stderr, expected);
      assert.doesNotMatch(stderr, /mistake in ipbench|\n\s+at /);
      assert.match(stdout, /^ok +all nine functions are there$/m, "what was found before is told");
    });
  });
}

Deno.test("plugin check: what is no shared object for this machine is told in one sentence", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-check-" });
  try {
    const dummy = await Deno.readFile(`${PLUGINS}/dummy.so`);
    const changed = async (name: string, ...bytes: [at: number, value: number][]): Promise<void> => {
      const copy = dummy.slice();
      for (const [at, value] of bytes) copy[at] = value;
      await Deno.writeFile(`${folder}/${name}`, copy);
    };
    await Deno.mkdir(`${folder}/full`);
    await Deno.mkdir(`${folder}/none`);
    await Deno.writeFile(`${folder}/full/mine.so`, dummy);
    await Deno.writeTextFile(`${folder}/empty.so`, "");
    await Deno.writeTextFile(`${folder}/text.so`, "hello, plugin\n");
    await changed("arm.so", [18, 183], [19, 0]);
    await changed("old.so", [4, 1], [18, 3]);
    await changed("object.so", [16, 1]);
    await Deno.writeFile(`${folder}/cut.so`, dummy.subarray(0, 3000));
    await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output();
    const cases: [name: string, code: number, expected: RegExp][] = [
      [`${folder}/full`, 2, /full is a folder: name one shared object in it: mine\.so$/],
      [
        `${folder}/none`,
        2,
        /none is a folder: name the shared object, such as \.\/mine\.so; there is none in it$/,
      ],
      ["/dev/zero", 2, /\/dev\/zero is no regular file: name a shared object/],
      [`${folder}/pipe`, 2, /pipe is no regular file/],
      [`${folder}/absent.so`, 2, /absent\.so cannot be read: there is no such file/],
      [`${folder}/empty.so`, 1, /empty\.so is empty: was it built\?$/],
      [`${folder}/text.so`, 1, /text\.so is no shared object: it begins with "hell", not with ELF's mark$/],
      [`${folder}/arm.so`, 1, /arm\.so is built for AArch64 \(64 bits\), and this ipbench is for x86_64/],
      [
        `${folder}/old.so`,
        1,
        /old\.so is built for x86 \(32 bits\) \(32 bits\)|old\.so is built for x86 \(32 bits\)/,
      ],
      [
        `${folder}/object.so`,
        1,
        /object\.so is an object file, not a shared object: link it with -shared -fPIC$/,
      ],
      [`${folder}/cut.so`, 1, /cut\.so (cannot be opened: |crashed with )/],
      ["/bin/true", 1, /true (cannot be opened: |is no plugin|is a program)/],
    ];
    for (const [name, code, expected] of cases) {
      const done = await runProgram("ipbench", ["plugin", "check", name]);
      assert.deepEqual([done.code, done.stdout], [code, ""], name + done.stderr);
      const lines = done.stderr.trimEnd().split("\n");
      assert.equal(lines.length, 1, done.stderr);
      assert.match(lines[0] ?? "", /^ipbench: /);
      assert.match(lines[0] ?? "", expected);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("plugin check: ours have no faults", async () => {
  await using echo = await EchoProcess.start();
  const given: Record<string, string[]> = {
    latency: ["--args", "socktype=udp,bps=1M,duration=0.5", "--target", `127.0.0.1:${echo.port}`],
    echo: ["--args", "ip=127.0.0.1,udp=0,tcp=0"],
    stamp: ["--args", "duration=0.5,warmup=0,cooldown=0", "--target", "127.0.0.1:862"],
    stamp_reflector: ["--args", "ip=127.0.0.1,port=0"],
    discard: [
      "--args",
      "socktype=udp,bps=1M,test_time=0.5,warmup=0,cooldown=0,rampup=0",
      "--target",
      "127.0.0.1:9",
    ],
  };
  for (const { name } of [...Deno.readDirSync(PLUGINS)].filter(({ name }) => name.endsWith(".so"))) {
    const found = await faults(`${PLUGINS}/${name}`, given[name.slice(0, -3)] ?? []);
    assert.deepEqual(found, [], name);
  }
});
