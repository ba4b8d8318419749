import assert from "node:assert/strict";
import { type FrequencyGroup, frequencyGroups, inCommon } from "./frequency.ts";
import { interrupts } from "./interrupts.ts";

/** A folder that looks like a machine's /proc and /sys. */
async function machine(
  files: Record<string, string>,
  links: Record<string, string>,
  work: (root: string) => Promise<void>,
) {
  const root = await Deno.makeTempDir({ prefix: "ipbench-machine-" });
  try {
    for (const [path, text] of Object.entries(files)) {
      await Deno.mkdir(`${root}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
      await Deno.writeTextFile(`${root}/${path}`, text);
    }
    for (const [path, to] of Object.entries(links)) {
      await Deno.mkdir(`${root}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
      await Deno.symlink(`${root}/${to}`, `${root}/${path}`);
    }
    await work(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const INTERRUPTS = `           CPU0       CPU1
  1:          9          0   IO-APIC   1-edge      i8042
 24:          0          0  PCI-MSIX-0000:00:03.0   0-edge      virtio1-config
 25:       1000          0  PCI-MSIX-0000:00:03.0   1-edge      virtio1-input.0
 26:          0          7  PCI-MSIX-0000:00:0d.0   1-edge      virtio10-input.0
 30:          0          7  PCI-MSI 524288-edge      eth1-TxRx-0
 31:          0          7  PCI-MSI 524289-edge      eth10-TxRx-0
 40:          0          7  PCI-MSI 2621440-edge      mlx5_comp0@pci:0000:05:00.0
 41:          0          7  PCI-MSI 2621441-edge      some_other_name
NMI:          0          0   Non-maskable interrupts
`;

Deno.test("interrupts are found by the interface's name, its device's, and the device's own list", async () => {
  const files = {
    "proc/interrupts": INTERRUPTS,
    "proc/irq/25/smp_affinity_list": "0-1\n",
    "sys/devices/pci0000:00/0000:00:03.0/virtio1/vendor": "",
    "sys/devices/pci0000:00/0000:00:03.0/msi_irqs/24": "msix",
    "sys/devices/pci0000:00/0000:00:03.0/msi_irqs/25": "msix",
    "sys/devices/pci0000:00/0000:05:00.0/msi_irqs/40": "msix",
    "sys/devices/pci0000:00/0000:05:00.0/msi_irqs/41": "msix",
    "sys/devices/pci0000:00/virtio1/vendor": "",
  };
  const links = {
    "sys/class/net/ens3/device": "sys/devices/pci0000:00/0000:00:03.0/virtio1",
    "sys/class/net/ens5/device": "sys/devices/pci0000:00/0000:05:00.0",
    "sys/class/net/bare/device": "sys/devices/pci0000:00/virtio1",
  };
  await machine(files, links, async (root) => {
    const numbers = async (iface: string) => (await interrupts(iface, root)).map(({ irq }) => irq);
    assert.deepEqual(await numbers("ens3"), [24, 25], "virtio: named after the device");
    assert.deepEqual(await numbers("bare"), [24, 25], "without a list, by the device's name");
    assert.deepEqual(await numbers("ens5"), [40, 41], "mlx5: named after the PCI address, or not at all");
    assert.deepEqual(await numbers("eth1"), [30], "eth10 is another interface");
    assert.deepEqual(await numbers("lo"), []);
    assert.deepEqual((await interrupts("ens3", root))[1], { irq: 25, name: "virtio1-input.0", cpus: "0-1" });
  });
});

Deno.test("clocks: all processors' are told, alike ones together", async () => {
  const files: Record<string, string> = {};
  const policy = (n: number, cpus: string, governor: string, max: string) => {
    const base = `sys/devices/system/cpu/cpufreq/policy${n}`;
    const values = {
      affected_cpus: cpus,
      scaling_governor: governor,
      scaling_driver: "d",
      scaling_min_freq: "800000",
    };
    for (const [name, text] of Object.entries(values)) files[`${base}/${name}`] = text + "\n";
    files[`${base}/scaling_max_freq`] = max + "\n";
  };
  policy(0, "0 1", "performance", "3000000");
  policy(10, "10", "performance", "3000000");
  policy(2, "2", "powersave", "2000000");
  policy(3, "", "powersave", "1"); // its processors are switched off
  await machine(files, {}, async (root) => {
    const groups = await frequencyGroups(root);
    const same = { driver: "d", min_khz: 800_000 };
    const expected: FrequencyGroup[] = [
      { cpus: "0-1,10", governor: "performance", ...same, max_khz: 3_000_000 },
      { cpus: "2", governor: "powersave", ...same, max_khz: 2_000_000 },
    ];
    assert.deepEqual(groups, expected);
    assert.equal(inCommon(groups, "governor"), "performance, powersave");
    assert.equal(inCommon(groups, "max_khz"), "3000000, 2000000");
    assert.equal(inCommon(groups, "min_khz"), 800_000);
  });
  await machine({ "sys/x": "" }, {}, async (root) => {
    assert.deepEqual(await frequencyGroups(root), []);
    assert.equal(inCommon([], "governor"), null);
  });
});
