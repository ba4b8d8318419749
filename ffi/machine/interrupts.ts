/**
 * Which processors serve an interface's interrupts.
 *
 * @module
 */
import { line, names, text } from "./machine_files.ts";

/** Most interrupts that are reported of one interface. */
const MAX_INTERRUPTS = 256;

/** One interrupt, its name in /proc/interrupts and the processors that may serve it. */
export interface Interrupt {
  irq: number;
  name: string;
  cpus: string | null;
}

/**
 * Finds an interface's interrupts: those that its device lists (`msi_irqs`), and those whose name holds the
 * interface's or the device's. Drivers name them as they like: "eth0-TxRx-0", "virtio1-input.0",
 * "mlx5_comp3@pci:0000:05:00.0".
 *
 * @param iface name of the interface
 * @param root where /proc and /sys are
 */
export async function interrupts(iface: string, root = ""): Promise<Interrupt[]> {
  const { numbers, called } = await deviceOf(iface, root);
  const found: Interrupt[] = [];
  for (const row of (await text(`${root}/proc/interrupts`)).split("\n")) {
    const match = /^\s*(\d+):.*\s(\S+)$/.exec(row);
    if (match === null || found.length >= MAX_INTERRUPTS) continue;
    const irq = Number(match[1]);
    if (!numbers.has(irq) && !called.some((name) => holds(row, name))) continue;
    found.push({ irq, name: match[2]!, cpus: await line(`${root}/proc/irq/${irq}/smp_affinity_list`) });
  }
  return found;
}

/** Numbers of its message-signalled interrupts, and what its names may be called after. */
async function deviceOf(iface: string, root: string): Promise<{ numbers: Set<number>; called: string[] }> {
  const numbers = new Set<number>();
  const called = [iface];
  const device = await Deno.realPath(`${root}/sys/class/net/${iface}/device`).catch(() => null);
  if (device === null) return { numbers, called };
  const [name, parent] = [
    device.slice(device.lastIndexOf("/") + 1),
    device.slice(0, device.lastIndexOf("/")),
  ];
  called.push(name);
  // A virtio device sits on a PCI device, which has the interrupts.
  for (const folder of /^virtio\d+$/.test(name) ? [device, parent] : [device]) {
    for (const irq of await names(`${folder}/msi_irqs`, MAX_INTERRUPTS)) numbers.add(Number(irq));
  }
  return { numbers, called };
}

/** Whether a row has a name as a word of its own: "eth1" is not in "eth10-rx". */
function holds(row: string, name: string): boolean {
  for (let at = row.indexOf(name); at >= 0; at = row.indexOf(name, at + 1)) {
    const around = (row[at - 1] ?? " ") + (row[at + name.length] ?? " ");
    if (!/[A-Za-z0-9]/.test(around)) return true;
  }
  return false;
}
