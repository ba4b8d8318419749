/**
 * The packages: what they hold, that they are the same when they are made again, and that they install, work and go in a
 * minimal Debian.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { isInstalled, projectRoot } from "../util/mod.ts";
import { StepError } from "../../scripts/lib/steps.ts";
import { NO_MAINTAINER, release } from "../../scripts/package/release.ts";
import settings from "../../deno.json" with { type: "json" };

const ROOT = projectRoot();
const VERSION = settings.version;
const ARCH = Deno.build.arch === "aarch64" ? "arm64" : "amd64";
const DEB = `ipbench_${VERSION}_${ARCH}.deb`;
const MAINTAINER = "Ada Doe <ada@example.org>";
/** A minimal Debian, which is fetched once. */
const DEBIAN = `${ROOT}/build/debian_minimal.tar`;
const DEADLINE_MS = 600_000;

const onDebian = isInstalled("dpkg-deb") && isInstalled("readelf");
const without = (...tools: string[]) => !onDebian || tools.some((tool) => !isInstalled(tool));

/** Runs a command, and fails with what it printed. */
async function must(command: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  const child = new Deno.Command(command, {
    args,
    cwd: ROOT,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  const { code, stdout, stderr } = await child.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(code, 0, `${command} ${args.join(" ")}: ${out}${err}`);
  return out!;
}

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-package-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Packs what is built. */
function pack(project: string, output: string, ...options: string[]): Promise<string> {
  const script = `${project}/scripts/package.ts`;
  const run = ["run", "--allow-all", "--no-check", "--quiet", "--config", `${project}/deno.json`, script];
  return must(Deno.execPath(), [...run, "--output", output, "--maintainer", MAINTAINER, ...options], {
    SOURCE_DATE_EPOCH: "1700000000",
    DENO_DIR: `${ROOT}/.tools/deno_dir`,
  });
}

const sums = (folder: string) => Deno.readTextFileSync(`${folder}/SHA256SUMS`);

Deno.test({ name: "packages", ignore: !onDebian }, async (t) => {
  await withFolder(async (folder) => {
    const made = `${folder}/made`;
    await pack(ROOT, made, "--no-build");
    const step = (name: string, ignore: boolean, fn: () => Promise<void>) => t.step({ name, ignore, fn });

    await step("the same sources elsewhere give the same bytes", false, async () => {
      const copy = `${folder}/elsewhere`;
      await must("sh", [
        "-c",
        'mkdir "$1" && git ls-files -z --cached --others --exclude-standard | tar --null -T - -c | tar -x -C "$1" && ' +
        'ln -sfn "$PWD/.tools" "$1/.tools"',
        "sh",
        copy,
      ]);
      await pack(copy, `${folder}/again`);
      assert.equal(sums(`${folder}/again`), sums(made));
      await Deno.remove(copy, { recursive: true });
    });
    await step("who answers for it is who was named, or nobody, and has an address", false, async () => {
      assert.equal((await must("dpkg-deb", ["--field", `${made}/${DEB}`, "Maintainer"])).trim(), MAINTAINER);
      assert.equal((await release(folder, NO_MAINTAINER)).maintainer, NO_MAINTAINER);
      for (const wrong of ["", "Ada Doe", "<ada@example.org>", "Ada <ada>", "Ada <a@b>\nSection: x"]) {
        await assert.rejects(release(folder, wrong), StepError);
      }
    });
    await step("checksums and signature hold", without("gpg"), async () => {
      await must("sh", ["-c", 'cd "$1" && sha256sum --check --strict SHA256SUMS', "sh", made]);
      const home = `${folder}/gnupg`;
      await Deno.mkdir(home, { mode: 0o700 });
      const env = { GNUPGHOME: home };
      const key = [
        "--batch",
        "--passphrase",
        "",
        "--quick-gen-key",
        "test@packages.invalid",
        "ed25519",
        "sign",
      ];
      await must("gpg", key, env);
      const sign =
        "import { addSums } from './scripts/package/checksums.ts'; await addSums(...JSON.parse(Deno.args[0]));";
      await must(Deno.execPath(), [
        "eval",
        sign,
        JSON.stringify([`${made}/`, [DEB], "test@packages.invalid"]),
      ], env);
      await must("gpg", ["--batch", "--verify", `${made}/SHA256SUMS.asc`, `${made}/SHA256SUMS`], env);
      await must("gpgconf", ["--kill", "gpg-agent"], env);
    });
    await step("lintian finds nothing", without("lintian"), async () => {
      const found = await must("lintian", [
        "--allow-root",
        "--fail-on=error,warning",
        "--tag-display-limit=0",
        `${made}/${DEB}`,
      ]);
      assert.equal(found, "");
    });
    await step("the list of components names what is inside", false, () => examineList(made));
    await step("the image is whole, and starts", Deno.uid() !== 0, () => examineImage(made, folder));
    await step("the script of the archive installs and removes", false, () => tryScript(made, folder));
    await step("a minimal Debian", without("debootstrap", "unshare") || Deno.uid() !== 0, async () => {
      await tryDebian(made, folder);
    });
  });
});

/** The part of SPDX's form that is looked at. */
interface List {
  spdxVersion: string;
  packages: { SPDXID: string; name: string; versionInfo: string; checksums?: { checksumValue: string }[] }[];
  relationships: { spdxElementId: string; relationshipType: string; relatedSpdxElement: string }[];
}

async function examineList(made: string): Promise<void> {
  const list: List = JSON.parse(await Deno.readTextFile(`${made}/ipbench-${VERSION}-${ARCH}.spdx.json`));
  assert.equal(list.spdxVersion, "SPDX-2.3");
  const named = new Map(list.packages.map((part) => [part.name, part]));
  const lock: { npm: Record<string, { integrity: string }> } = JSON.parse(
    await Deno.readTextFile(`${ROOT}/deno.lock`),
  );
  for (const name of ["commander", "valibot", "zrender", "deno", "libc6", "libgcc-s1"]) {
    assert.ok(named.has(name), name);
  }
  for (const name of ["fast-check", "playwright-core", "@xterm/headless"]) assert.ok(!named.has(name), name);
  assert.equal(named.get("deno")!.versionInfo, Deno.version.deno);
  const echarts = named.get("echarts")!;
  const sum = Buffer.from(echarts.checksums![0]!.checksumValue, "hex").toString("base64");
  assert.equal(lock.npm[`echarts@${echarts.versionInfo}`]!.integrity, `sha512-${sum}`);
  const ids = new Set([...list.packages.map(({ SPDXID }) => SPDXID), "SPDXRef-DOCUMENT"]);
  assert.equal(ids.size, list.packages.length + 1);
  for (const { spdxElementId, relatedSpdxElement } of list.relationships) {
    assert.ok(ids.has(spdxElementId) && ids.has(relatedSpdxElement));
  }
}

interface Descriptor {
  digest: string;
  size: number;
  platform?: { architecture: string; os: string };
}

/** Follows the image's descriptors, unpacks its layers and starts the program with nothing else around it. */
async function examineImage(made: string, folder: string): Promise<void> {
  const layout = `${folder}/layout`, root = `${folder}/image`;
  for (const path of [layout, root]) await Deno.mkdir(path);
  await must("tar", ["-xf", `${made}/ipbench-${VERSION}-oci.tar`, "-C", layout]);
  const read = async ({ digest, size }: Descriptor) => {
    const bytes = await Deno.readFile(`${layout}/blobs/${digest.replace(":", "/")}`);
    assert.equal(bytes.length, size);
    assert.equal(`sha256:${createHash("sha256").update(bytes).digest("hex")}`, digest);
    return bytes;
  };
  const json = async (descriptor: Descriptor) => JSON.parse(new TextDecoder().decode(await read(descriptor)));
  const { manifests: [index] } = JSON.parse(await Deno.readTextFile(`${layout}/index.json`));
  const { manifests }: { manifests: Descriptor[] } = await json(index);
  assert.deepEqual(manifests.map(({ platform }) => platform), [{ architecture: ARCH, os: "linux" }]);
  const { config, layers } = await json(manifests[0]!);
  const { rootfs, architecture, config: start } = await json(config);
  assert.equal(architecture, ARCH);
  assert.equal(rootfs.diff_ids.length, layers.length);
  for (const layer of layers) {
    await read(layer);
    await must("tar", ["-xzf", `${layout}/blobs/${layer.digest.replace(":", "/")}`, "-C", root]);
  }
  const [program] = start.Cmd;
  const alone = 'mount -t proc proc "$1/proc" && chroot --userspec=65532:65532 "$1" "$2" --version';
  const line = await must("unshare", ["--mount", "--pid", "--fork", "sh", "-c", alone, "sh", root, program]);
  assert.match(line, new RegExp(`^ipbenchd ${VERSION} .*linux-${Deno.build.arch}\\)$`, "m"));
}

/** Installs from the archive into a folder, twice, and removes it. */
async function tryScript(made: string, folder: string): Promise<void> {
  const top = `ipbench-${VERSION}-linux-${ARCH}`, dest = `${folder}/dest`;
  await must("tar", ["-xzf", `${made}/${top}.tar.gz`, "-C", folder]);
  const script = (...args: string[]) =>
    must("sh", [`${folder}/${top}/install.sh`, ...args], { DESTDIR: dest });
  await script("--prefix", "/opt/ipbench");
  const options = `${dest}/etc/default/ipbenchd`;
  await Deno.writeTextFile(options, "IPBENCHD_OPTIONS=--target\n");
  await script("--prefix", "/opt/ipbench");
  assert.equal(await Deno.readTextFile(options), "IPBENCHD_OPTIONS=--target\n");
  const unit = await Deno.readTextFile(`${dest}/opt/ipbench/lib/systemd/system/ipbenchd.service`);
  assert.match(unit, /^ExecStart=\/opt\/ipbench\/bin\/ipbenchd /m);
  assert.match(await must(`${dest}/opt/ipbench/bin/ipbenchd`, ["--version"]), /^ipbenchd /);
  assert.match(await script("--prefix", "/opt/ipbench", "--remove"), /was changed: it stays/);
  const left = await must("find", [dest, "!", "-type", "d"]);
  assert.equal(left.trim(), options);
  if (Deno.uid() === 0) await tryAsUser(folder, top);
}

/** Installs for somebody who is not root, from a folder with spaces in its name, where that one may write, and elsewhere. */
async function tryAsUser(folder: string, top: string): Promise<void> {
  const NOBODY = 65534;
  const home = `${folder}/home`, spaced = `${folder}/a folder with spaces`;
  await Deno.chmod(folder, 0o711);
  await Deno.mkdir(home);
  await Deno.chown(home, NOBODY, NOBODY);
  await Deno.rename(`${folder}/${top}`, spaced);
  const script = (...args: string[]) => {
    const user = ["--clear-groups", `--reuid=${NOBODY}`, `--regid=${NOBODY}`];
    return must("setpriv", [...user, "sh", `${spaced}/install.sh`, ...args], { DESTDIR: "" });
  };
  const options = "/etc/default/ipbenchd";
  const isFree = !await Deno.stat(options).then(() => true, () => false);
  const said = await script("--prefix", `${home}/.local`);
  if (isFree) assert.match(said, /the service and \/etc\/default\/ipbenchd are for root/);
  assert.match(await must(`${home}/.local/bin/ipbenchd`, ["--version"]), /^ipbenchd /);
  await script("--prefix", `${home}/.local`, "--remove");
  assert.equal(await must("find", [home, "!", "-type", "d"]), "");
  await assert.rejects(
    script("--prefix", "/usr/local"),
    /\/usr\/local cannot be written to: be root, or name/,
  );
}

/** The `.deb` in a Debian that has nothing but what every one has. */
async function tryDebian(made: string, folder: string): Promise<void> {
  const root = `${folder}/debian`;
  await Deno.mkdir(root);
  if (!await Deno.stat(DEBIAN).then(() => true, () => false)) {
    const [, suite] = /^VERSION_CODENAME=(\w+)/m.exec(await Deno.readTextFile("/etc/os-release"))!;
    await must("debootstrap", ["--variant=minbase", suite!, root]);
    await must("tar", ["-cf", `${DEBIAN}.new`, "-C", root, "."]);
    await Deno.rename(`${DEBIAN}.new`, DEBIAN);
  } else await must("tar", ["-xf", DEBIAN, "-C", root]);
  const next = `${folder}/next`;
  await must("sh", [
    "-ec",
    'dpkg-deb --raw-extract "$1" "$2"\n' +
    'sed -i "s/^Version: .*/&+next/" "$2/DEBIAN/control"\n' +
    'echo "# One line more." >>"$2/etc/default/ipbenchd"\n' +
    'dpkg-deb --root-owner-group -Zgzip -z1 --build "$2" "$2.deb"',
    "sh",
    `${made}/${DEB}`,
    next,
  ]);
  const apart = ["--mount", "--net", "--pid", "--fork", "--kill-child"];
  const script = `${ROOT}/tests/package/in_chroot.sh`;
  const output = await must("unshare", [...apart, "sh", script, root, `${made}/${DEB}`, `${next}.deb`]);
  const steps = Array.from(output.matchAll(/^ok (\w+(?: nothing)?)/gm), (match) => match[1]);
  assert.deepEqual(steps, ["installs", "starts", "answers", "upgrades", "leaves nothing"], output);
  const quick = JSON.parse(await Deno.readTextFile(`${root}.json`));
  assert.equal(quick.host, "127.0.0.1");
  const up = quick.phases.find(({ phase }: { phase: string }) => phase === "up");
  assert.ok(up.up_bps > 0 && up.rtt.count > 0, JSON.stringify(quick.reasons));
}
