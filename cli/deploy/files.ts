/**
 * The small files that `ipbench deploy` installs beside the programs: the service's unit, its options, and the keys that
 * systemd hands to it, whose user cannot read them.
 *
 * @module
 */

import { secretFromFile } from "../../protocol/mod.ts";
import unitFile from "../../packaging/ipbenchd.service" with { type: "text" };
import type { DeployFile, DeployFiles } from "./script.ts";
import { EXIT, ExitError } from "../exit.ts";
import { plainText } from "../terminal/text.ts";
import { note } from "../terminal/io.ts";
import { reasonOf } from "../input/read_bytes.ts";
import { findSecretFile, makeOwnSecretFile } from "../secret.ts";

/** What the files are made of. */
export interface DeployWishes {
  /** A path; where it is missing, the user's own secret. */
  secretFile?: string;
  /** `false`: the daemons ask for none. */
  secret: boolean;
  /** Certificate and key to install, `%h` in them is the host. */
  tlsCert?: string;
  tlsKey?: string;
  /** Authority of the controllers' certificates, likewise. */
  tlsClientCa?: string;
  bin: string;
  etc: string;
  /** The daemon's command line; `undefined`: as it is there. */
  options?: string;
}

/** Folder names and options go into files of the service and a script: only characters that mean nothing to a shell. */
const SAFE_PATH = /^\/[A-Za-z0-9._/-]*$/;
const SAFE_OPTIONS = /^[A-Za-z0-9 ._:/=,@[\]-]*$/;
/** Options of the daemon with files that its user cannot read, and what systemd hands over instead. */
const KEYS = {
  secret: { option: "--secret-file", variable: "IPBENCH_SECRET_FILE" },
  "tls-cert": { option: "--tls-cert", variable: "IPBENCH_TLS_CERT" },
  "tls-key": { option: "--tls-key", variable: "IPBENCH_TLS_KEY" },
  "tls-client-ca": { option: "--tls-client-ca", variable: "IPBENCH_TLS_CLIENT_CA" },
} as const;
/** Name in LoadCredential, and in the service's folder of credentials. */
type Key = keyof typeof KEYS;

/** The daemon's command line without those options, and the files that they named. */
interface SplitOptions {
  words: string;
  there: Partial<Record<Key, string>>;
}

/**
 * Checks what was typed.
 *
 * @param wishes what the files are made of
 * @returns what is wrong, a sentence each
 */
export function deployProblems(wishes: DeployWishes): string[] {
  const wrong: string[] = [];
  for (const name of ["bin", "etc"] as const) {
    if (!SAFE_PATH.test(wishes[name])) {
      wrong.push(`--${name}: "${wishes[name]}" is not a plain absolute path`);
    }
  }
  if (wishes.options !== undefined && !SAFE_OPTIONS.test(wishes.options)) {
    wrong.push(`--options: only letters, digits, spaces and ._:/=,@[]- can be passed on`);
  }
  const { there } = split(wishes.options ?? "");
  for (const [key, path] of Object.entries(there)) {
    const { option } = KEYS[key as Key];
    if (!SAFE_PATH.test(path)) wrong.push(`--options: ${option} "${path}" is not a plain absolute path`);
  }
  const given = {
    "tls-cert": wishes.tlsCert,
    "tls-key": wishes.tlsKey,
    "tls-client-ca": wishes.tlsClientCa,
  };
  if ((given["tls-cert"] === undefined) !== (given["tls-key"] === undefined)) {
    wrong.push("--tls-cert and --tls-key belong together: give both");
  }
  if (
    (given["tls-client-ca"] ?? there["tls-client-ca"]) !== undefined &&
    !(given["tls-cert"] ?? there["tls-cert"])
  ) {
    wrong.push("--tls-client-ca needs TLS: give --tls-cert and --tls-key, too");
  }
  for (const key of ["tls-cert", "tls-key", "tls-client-ca"] as const) {
    if (given[key] !== undefined && there[key] !== undefined) {
      wrong.push(
        `${KEYS[key].option} is given twice: a file of this machine, and in --options one that is there`,
      );
    }
  }
  return wrong;
}

/**
 * Reads what is to be installed; finds the secret.
 *
 * @param hosts for whom
 * @param wishes checked
 * @returns the files for each host
 * @throws {ExitError} when one cannot be read
 */
export async function readDeployFiles(
  hosts: readonly string[],
  wishes: DeployWishes,
): Promise<Map<string, DeployFiles>> {
  const etc = wishes.etc.replace(/\/+$/, "");
  const units = `${etc}/systemd/system`;
  const dropIns = `${units}/ipbenchd.service.d`;
  const unit = unitFile.replaceAll("/usr/local/bin/", `${wishes.bin.replace(/\/+$/, "")}/`);
  const { words, there } = split(wishes.options ?? "");
  // A secret is made only where everything else can be read.
  const tls = new Map<string, DeployFile[]>();
  for (const host of hosts) tls.set(host, await tlsFiles(host, wishes, there, etc, dropIns));
  const secret = await secretFiles(wishes, there.secret, etc, dropIns);
  const stays = wishes.options === undefined && wishes.secretFile === undefined && wishes.secret;
  const shared: DeployFile[] = [
    text(units, "ipbenchd.service", unit),
    ...wishes.options === undefined
      ? []
      : [text(`${etc}/default`, "ipbenchd", `IPBENCHD_OPTIONS="${words}"\n`)],
    ...stays ? [] : secret,
  ];
  const files = new Map<string, DeployFiles>();
  for (const host of hosts) {
    files.set(host, { always: [...shared, ...tls.get(host)!], unlessThere: stays ? secret : [] });
  }
  return files;
}

/** What makes the daemon ask for a secret, and the secret itself where it comes from here; the drop-in comes first. */
async function secretFiles(
  wishes: DeployWishes,
  there: string | undefined,
  etc: string,
  dropIns: string,
): Promise<DeployFile[]> {
  const dropIn = (content: string) => text(dropIns, "ipbench-secret.conf", content);
  if (there !== undefined) return [dropIn(credentials({ secret: there }))];
  if (!wishes.secret) return [dropIn("# Written by ipbench deploy: --no-secret.\n")];
  const content = await readSecret(chooseSecret(wishes));
  const place = { folder: `${etc}/ipbench`, name: "secret" };
  return [
    dropIn(credentials({ secret: `${place.folder}/${place.name}` })),
    { ...place, mode: 600, content },
  ];
}

/** The secret to install, and where it is. */
function chooseSecret(wishes: DeployWishes): string {
  const named = findSecretFile(wishes.secretFile);
  const { path, made } = named === undefined ? makeOwnSecretFile() : { path: named, made: false };
  note(
    `ipbench: the daemons ask for the secret in ${path}${
      made ? ", which is new" : ""
    }; others who are to use them need a copy`,
  );
  return path;
}

/** What makes the daemon use TLS; without TLS in options that are given, what there was of it goes. */
async function tlsFiles(
  host: string,
  { tlsCert, tlsKey, tlsClientCa, options }: DeployWishes,
  there: SplitOptions["there"],
  etc: string,
  dropIns: string,
): Promise<DeployFile[]> {
  const folder = `${etc}/ipbench`;
  const keys: Partial<Record<Key, string>> = {};
  const files: DeployFile[] = [];
  const wanted = [["tls-cert", tlsCert], ["tls-key", tlsKey], ["tls-client-ca", tlsClientCa]] as const;
  for (const [key, path] of wanted) {
    if (path !== undefined) {
      const name = `${key}.pem`;
      files.push({ folder, name, mode: key === "tls-key" ? 600 : 644, content: await readPem(path, host) });
      keys[key] = `${folder}/${name}`;
    } else if (there[key] !== undefined) keys[key] = there[key];
  }
  const name = "ipbench-tls.conf";
  if (Object.keys(keys).length > 0) return [text(dropIns, name, credentials(keys)), ...files];
  return options === undefined ? [] : [{ folder: dropIns, name, mode: 644, content: null }];
}

async function readPem(path: string, host: string): Promise<Uint8Array> {
  const file = path.replaceAll("%h", host.replace(/^.*@/, ""));
  const content = await readFile(file);
  if (new TextDecoder().decode(content).includes("-----BEGIN ")) return content;
  throw new ExitError(EXIT.USAGE, `${plainText(file)} holds no certificate or key in PEM`);
}

async function readSecret(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const content = await readFile(path);
  try {
    return secretFromFile(content);
  } catch (cause) {
    const text = `cannot use the secret file ${plainText(path)}: ${reasonOf(cause)}`;
    throw new ExitError(EXIT.USAGE, text, { cause });
  }
}

async function readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw new ExitError(EXIT.USAGE, `cannot read ${plainText(path)}: ${reasonOf(cause)}`, { cause });
  }
}

function text(folder: string, name: string, content: string): DeployFile {
  return { folder, name, mode: 644, content: new TextEncoder().encode(content) };
}

function credentials(keys: Partial<Record<Key, string>>): string {
  const entries = Object.entries(keys) as [Key, string][];
  const variables = entries.map(([key]) => `${KEYS[key].variable}=%d/${key}`).join(" ");
  return "# Written by ipbench deploy: the service's user cannot read such files, systemd hands them over.\n[Service]\n" +
    entries.map(([key, path]) => `LoadCredential=${key}:${path}\n`).join("") + `Environment=${variables}\n`;
}

/** Takes the options with such files out of the daemon's command line; the last of each counts, as there. */
function split(options: string): SplitOptions {
  const there: SplitOptions["there"] = {};
  let words = options;
  for (const [key, { option }] of Object.entries(KEYS)) {
    const pattern = new RegExp(`(^|\\s)${option}(?:=|\\s+)(\\S+)`, "g");
    words = words.replace(pattern, (_match, before: string, path: string) => {
      there[key as Key] = path;
      return before;
    });
  }
  return { words: words.trim().replace(/\s+/g, " "), there };
}
