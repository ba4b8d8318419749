/**
 * What the tests use beyond what the program needs: Debian packages, found by what they install.
 *
 * @module
 */

import { print, run } from "./steps.ts";

/** A package, and a shell command that succeeds where it is installed. */
const PACKAGES: [name: string, probe: string][] = [
  [
    "libcmocka-dev",
    "printf '#include <stdarg.h>\\n#include <stddef.h>\\n#include <stdint.h>\\n#include <setjmp.h>\\n#include <cmocka.h>\\n' | gcc -E - ",
  ],
  ["clang", "command -v clang"],
  [
    "libclang-rt-14-dev",
    "ls /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a /usr/lib/clang/*/lib/linux/libclang_rt.fuzzer*.a",
  ],
  ["iproute2", "command -v ip"],
  ["nftables", "command -v nft"],
  ["libnfs-dev", "printf '#include <nfsc/libnfs.h>\\n' | gcc -E -"],
  ["libjansson-dev", "printf '#include <jansson.h>\\n' | gcc -E -"],
  ["libhttp-parser-dev", "printf '#include <http_parser.h>\\n' | gcc -E -"],
  ["libssl-dev", "printf '#include <openssl/ssl.h>\\n' | gcc -E -"],
  ["liblwip-dev", "printf '#include <lwip/tcpip.h>\\n' | gcc -E -I/usr/include/lwip -"],
  ["iperf3", "command -v iperf3"],
  ["iperf", "command -v iperf"],
  ["dbench", "command -v tbench_srv"],
  ["chromium", "command -v chromium"],
  ["openssl", "command -v openssl"],
  ["python3", "command -v python3"],
  ["tshark", "command -v tshark"],
  ["poppler-utils", "command -v pdftotext"],
  ["ethtool", "command -v ethtool"],
  ["strace", "command -v strace"],
  ["libcap2-bin", "command -v setcap"],
  ["libxml2-utils", "command -v xmllint"],
  ["zsh", "command -v zsh"],
  ["fish", "command -v fish"],
  ["man-db", "command -v man"],
  ["systemd", "command -v systemd-analyze"],
  ["gcc-aarch64-linux-gnu", "command -v aarch64-linux-gnu-gcc"],
  ["libc6-dev-arm64-cross", "ls /usr/aarch64-linux-gnu/include/stdio.h"],
  ["qemu-user-static", "command -v qemu-aarch64-static"],
  ["lintian", "command -v lintian"],
  ["debootstrap", "command -v debootstrap"],
  ["gpg", "command -v gpg"],
  ["nfs-ganesha-vfs", "ls /usr/lib/*/ganesha/libfsalvfs.so"],
  ["nginx-light", "ls /usr/sbin/nginx"],
  ["rpcbind", "ls /usr/sbin/rpcbind /sbin/rpcbind"],
  ["chrony", "ls /usr/sbin/chronyd"],
  ["linuxptp", "ls /usr/sbin/ptp4l"],
  ["munge", "ls /usr/sbin/munged"],
  ["slurmctld", "ls /usr/sbin/slurmctld"],
  ["slurmd", "ls /usr/sbin/slurmd"],
  ["slurm-client", "command -v srun"],
  ["openssh-server", "ls /usr/sbin/sshd"],
  ["ansible-core", "command -v ansible"],
  ["clustershell", "command -v clush"],
];
/** Packages that start network services when they are installed: only on machines that are there for tests (CI=true). */
const SERVICES = [
  "nfs-ganesha-vfs",
  "nginx-light",
  "rpcbind",
  "chrony",
  "linuxptp",
  "munge",
  "slurmctld",
  "slurmd",
  "openssh-server",
];
const INSTALL_DEADLINE_MS = 600_000;

async function missing(): Promise<string[]> {
  const names: string[] = [];
  for (const [name, probe] of PACKAGES) {
    // `ls` of several patterns fails when one has no match, so its output counts.
    const { code, output } = await run("sh", ["-c", `{ ${probe}; } 2>/dev/null`]);
    if (code !== 0 && !(probe.startsWith("ls ") && output.includes("/"))) names.push(name);
  }
  return names;
}

/**
 * Installs what is missing where that is possible: as root on Debian.
 *
 * @returns names of the packages that are missing still; the tests that need them are skipped
 */
export async function providePackages(): Promise<string[]> {
  const absent = await missing();
  const wanted = absent.filter((name) => Deno.env.get("CI") === "true" || !SERVICES.includes(name));
  const left = absent.filter((name) => !wanted.includes(name));
  if (left.length > 0) {
    print(`not installed, as they are services: ${left.join(" ")}; tests that need them are skipped`);
  }
  if (wanted.length === 0) return left;
  const canInstall = Deno.uid() === 0 && (await run("sh", ["-c", "command -v apt-get"])).code === 0;
  if (!canInstall) {
    print(`not installed: ${wanted.join(" ")}; tests that need them are skipped`);
    return absent;
  }
  print(`installing Debian packages for the tests: ${wanted.join(" ")}`);
  const command = "apt-get update -q && apt-get install -q -y --no-install-recommends";
  for (const names of [wanted, ...wanted.map((name) => [name])]) {
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    const options = { env, deadlineMs: INSTALL_DEADLINE_MS };
    const { code } = await run("sh", ["-c", `${command} ${names.join(" ")}`], options);
    if (code === 0 && names === wanted) break;
  }
  const still = await missing();
  if (still.length > 0) print(`could not be installed: ${still.join(" ")}; tests that need them are skipped`);
  return still;
}
