/** What is completed when a person presses Tab in bash, zsh and fish. */
import assert from "node:assert/strict";
import { isInstalled, runProgram } from "../util/mod.ts";
import { TestTerminal } from "../fixtures/terminal.ts";

const TAB = "\t";
const CTRL_U = "\x15";
const CTRL_L = "\x0c";

/** How a shell is started so that it only completes, and what it loads a script with. */
const SHELLS = {
  bash: {
    command: ["bash", "--norc", "--noprofile", "-i"],
    setup: (script: string) =>
      `PS1='> '; bind 'set bell-style none' 'set show-all-if-ambiguous on' 'set page-completions off' ` +
      `'set completion-query-items 0' 'set enable-bracketed-paste off'; source '${script}'`,
  },
  zsh: {
    command: ["zsh", "-f", "-i"],
    setup: (script: string) =>
      `PS1='> '; unsetopt beep prompt_sp; bindkey '^I' complete-word; LISTMAX=0; autoload -U compinit; compinit -D -u; ` +
      `zstyle ':completion:*' hosts tester-of-mine; source '${script}'`,
  },
  fish: {
    command: ["fish", "--no-config", "-i"],
    setup: (script: string) => `function fish_prompt; echo '> '; end; source '${script}'`,
  },
};
type ShellName = keyof typeof SHELLS;

const scripts = new Map<ShellName, Promise<string>>();

/** What a person writes into the shell's folder for completions; made once. */
function scriptOf(name: ShellName): Promise<string> {
  const made = scripts.get(name) ?? runProgram("ipbench", ["completions", name]).then(({ code, stdout }) => {
    assert.equal(code, 0);
    return stdout;
  });
  scripts.set(name, made);
  return made;
}

/** An interactive shell that has loaded the completions. */
class Shell implements AsyncDisposable {
  constructor(readonly terminal: TestTerminal, readonly folder: string) {}

  static async open(name: ShellName): Promise<Shell> {
    const folder = await Deno.makeTempDir({ prefix: "ipbench-complete-" });
    await Deno.writeTextFile(`${folder}/script`, await scriptOf(name));
    await Deno.writeTextFile(`${folder}/hosts`, "10.0.0.2 tester-of-mine\n");
    for (const file of ["lab one.xml", "result.json"]) await Deno.writeTextFile(`${folder}/${file}`, "");
    await Deno.mkdir(`${folder}/plugins-here`);
    // A folder of the same name as a command or a test is no reason to offer it as such.
    for (const test of ["report", "latency"]) await Deno.mkdir(`${folder}/${test}`);
    const terminal = TestTerminal.run(SHELLS[name].command, { columns: 160, rows: 60 });
    const shell = new Shell(terminal, folder);
    const setup = [SHELLS[name].setup(`${folder}/script`), `cd '${folder}'`];
    if (name !== "fish") setup.push(`HOSTFILE='${folder}/hosts'`);
    await terminal.quiet(300);
    for (const line of [...setup, "echo rea''dy"]) await terminal.press(`${line}\r`);
    await terminal.see("the shell is ready", 30_000, /^ready/m);
    return shell;
  }

  /** What stands on the screen after a line has been typed and Tab pressed, when it is as wanted, or does not change. */
  async press(line: string, wanted: (screen: string) => boolean): Promise<string> {
    await this.terminal.press(CTRL_U + CTRL_L);
    await this.terminal.quiet(150);
    await this.terminal.press(line + TAB);
    const screen = () => this.terminal.screen().join("\n").trim();
    await this.terminal.quiet(300);
    for (let tries = 0; tries < 20 && !wanted(screen()); tries++) await this.terminal.quiet(200);
    return screen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminal[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** What is typed, what has to be on the screen after Tab, and what must not. */
type Case = readonly [
  typed: string,
  shown: readonly (string | RegExp)[],
  hidden: readonly (string | RegExp)[],
];
const CASES: readonly Case[] = [
  ["ipbench sta", ["ipbench status"], []],
  ["ipbench rep", [/ipbench report(?!\/)/], []],
  ["ipbench run --target-test-h", ["--target-test-hostname"], []],
  ["ipbench --target-test-h", ["--target-test-hostname"], []],
  ["ipbench --client a --target-test-h", ["--target-test-hostname"], []],
  ["ipbench export --format ", ["hlog", "prometheus", "junit"], ["result.json", "tester-of-mine"]],
  ["ipbench export --format=prom", ["--format=prometheus"], []],
  ["ipbench export -f ju", ["-f junit"], []],
  ["ipbench run --test latency-", [/--test latency-check(?!\/)/], []],
  ["ipbench run --test=cpu_target_", ["--test=cpu_target_lukem"], []],
  ["ipbench --client x -t nfs", ["-t nfs_latency"], []],
  ["ipbench sweep --repeat ", [], ["result.json", "tester-of-mine", "latency"]],
  ["ipbench sweep --over sockt", [/--over socktype=(?! )/], ["result.json"]],
  ["ipbench run -a socktype=udp,warm", ["-a socktype=udp,warmup="], []],
  ["ipbench search --goal tst", ["--goal tst009"], []],
  ["ipbench search --load-arg Mb", ["--load-arg Mbps"], []],
  ["ipbench rfc2544 --tests thr", ["--tests throughput"], []],
  ["ipbench compare --metric through", ["--metric throughput"], []],
  ["ipbench compare --metric p50 through", ["--metric p50 throughput"], []],
  ["ipbench compare --allow ker", ["--allow kernel"], []],
  ["ipbench compare res", ["ipbench compare result.json"], []],
  ["ipbench compare a --with res", ["--with result.json"], []],
  ["ipbench run --json res", ["--json result.json"], []],
  ["ipbench run lab", [/ipbench run ('lab one\.xml'|lab\\ one\.xml)/], []],
  ["ipbench run --plugin-dir plug", ["--plugin-dir plugins-here"], []],
  ["ipbench run --plugin-dir res", [], ["result.json"]],
  ["ipbench plugin che", ["ipbench plugin check"], []],
  ["ipbench plugin check --targ", ["ipbench plugin check --target"], []],
  ["ipbench plugin check res", ["ipbench plugin check result.json"], []],
  ["ipbench plugins latency-", [/ipbench plugins latency-check(?!\/)/], []],
  ["ipbench completions f", ["ipbench completions fish"], []],
  ["ipbench man ipbenchd", ["ipbench man ipbenchd"], []],
  ["ipbench status res", [], ["result.json"]],
  ["ipbench echo --raw l", ["--raw lo"], []],
  ["ipbenchd --secret", ["--secret-file"], []],
  ["ipbenchd --max-runs ", [], ["result.json", "--secret-file"]],
  ["ipbenchd --log-format js", ["--log-format json"], []],
  ["ipbenchd --plugin-dir plug", ["--plugin-dir plugins-here"], []],
];
const HOSTS = ["ipbench run --client tester-of", "ipbench watch tester-of", "ipbench -T tester-of"];

/** A shell waits for its screen to become quiet most of the time. */
const SHELLS_AT_A_TIME = 6;

/** What is wrong with the screen after a line and Tab; `null` when nothing is. */
async function tryCase(shell: Shell, [typed, shown, hidden]: Case): Promise<string | null> {
  const has = (screen: string) => (what: string | RegExp) =>
    typeof what === "string" ? screen.includes(what) : what.test(screen);
  const screen = await shell.press(typed, (screen) => shown.every(has(screen)));
  const missing = shown.filter((what) => !has(screen)(what));
  const unwanted = hidden.filter(has(screen));
  if (missing.length + unwanted.length === 0 && !/error|not found|bad /i.test(screen)) return null;
  return `${typed}: lacks ${missing}, has ${unwanted}:\n${screen}`;
}

for (const name of Object.keys(SHELLS) as ShellName[]) {
  const ignore = !isInstalled(name) || !isInstalled("script");
  Deno.test({ name: `Tab in ${name} offers what fits, and nothing else (script)`, ignore }, async () => {
    const wrong: string[] = [];
    // fish asks the system for hosts: there is no file of ours that it would read.
    const hosts: Case[] = name === "fish" ? [] : HOSTS.map((typed) => [typed, ["tester-of-mine"], []]);
    const waiting = [...CASES, ...hosts];
    await Promise.all(Array.from({ length: SHELLS_AT_A_TIME }, async () => {
      await using shell = await Shell.open(name);
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const fault = await tryCase(shell, next);
        if (fault !== null) wrong.push(fault);
      }
    }));
    assert.deepEqual(wrong, [], wrong.join("\n\n"));
  });

  Deno.test({ name: `Tab in ${name} evaluates nothing of what was typed (script)`, ignore }, async () => {
    const starts = ["ipbench run ", "ipbench run --test ", "ipbench -a x,", "ipbench run --json="];
    await Promise.all(starts.map(async (before) => {
      await using shell = await Shell.open(name);
      const marker = `${shell.folder}/ran`;
      const lines = name === "fish" ? [`(touch ${marker})`] : [`\$(touch ${marker})`, `\`touch ${marker}\``];
      for (const evil of lines) await shell.press(`${before}${evil}`, () => true);
      assert.deepEqual([...Deno.readDirSync(shell.folder)].filter(({ name }) => name === "ran"), []);
    }));
  });
}
