/**
 * The frame sizes of RFC 2544, section 9.1, and what a test has to send to make frames of that size.
 *
 * @module
 */

/** Ethernet frame sizes in bytes, with header and FCS. */
export const STANDARD_FRAME_SIZES: readonly number[] = [64, 128, 256, 512, 1024, 1280, 1518];

/** Bytes on the wire beside a frame: preamble, start delimiter and the gap between frames. */
const WIRE_OVERHEAD_BYTES = 20;

const FCS_BYTES = 4;
const ETHERNET_HEADER_BYTES = 14;
const IPV4_UDP_BYTES = 28;
const IPV6_UDP_BYTES = 48;
/** A sequence number has to fit. */
const SMALLEST_PAYLOAD = 8;

/** What carries the test's packets. */
export type Carrier = "udp4" | "udp6" | "raw";

/** A frame size that can be tested. */
export interface FrameSize {
  /** As RFC 2544 counts: with FCS. */
  frame: number;
  /** The test's `size`: UDP payload, or (raw) the frame without its FCS. */
  size: number;
}

/**
 * Turns a frame size into the test's `size`.
 *
 * @param frame Bytes, with FCS.
 * @returns `null` when that carrier cannot make so small a frame (IPv6 with UDP needs 74 bytes).
 */
export function frameSize(frame: number, carrier: Carrier): FrameSize | null {
  const overhead = {
    raw: FCS_BYTES,
    udp4: FCS_BYTES + ETHERNET_HEADER_BYTES + IPV4_UDP_BYTES,
    udp6: FCS_BYTES + ETHERNET_HEADER_BYTES + IPV6_UDP_BYTES,
  }[carrier];
  const size = frame - overhead;
  return size < SMALLEST_PAYLOAD ? null : { frame, size };
}

/** Reports what a size stands for. */
export function carrierText(carrier: Carrier): string {
  if (carrier === "raw") return "raw Ethernet frames: size = frame - 4 (FCS)";
  const [version, bytes] = carrier === "udp4" ? [4, 46] : [6, 66];
  return `UDP over IPv${version}: payload = frame - ${bytes} (Ethernet header and FCS, IP, UDP; no VLAN tag, no options)`;
}

/**
 * The load, in bit/s of the test's size, that fills a line.
 *
 * @param lineRate Bit/s of the medium, such as 1e9.
 */
export function fullLoad(lineRate: number, { frame, size }: FrameSize): number {
  return lineRate / ((frame + WIRE_OVERHEAD_BYTES) * 8) * size * 8;
}

/** Frames a second of a load in bit/s of the test's size. */
export function framesPerSecond(load: number, { size }: FrameSize): number {
  return load / (size * 8);
}
