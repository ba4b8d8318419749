/**
 * Bytes that a plugin's `unmarshall` could be given by a network, or by somebody who means it no good.
 *
 * @module
 */

/** Lengths at which a good result is cut off. */
const CUTS = 32;
const RANDOM = 32;

/**
 * @param data what the plugin marshalled itself
 * @returns empty, tiny, cut, lengthened and random inputs, the same ones each time
 */
export function hostileInputs(data: Uint8Array): Uint8Array[] {
  const inputs: Uint8Array[] = [new Uint8Array(0), new Uint8Array(1), new Uint8Array(8).fill(0xff)];
  const step = Math.max(1, Math.floor(data.length / CUTS));
  for (let length = 0; length < data.length; length += step) inputs.push(data.slice(0, length));
  const longer = new Uint8Array(data.length + 64);
  longer.set(data);
  inputs.push(longer, new Uint8Array(4096).fill(0xff));
  // One of the right length whose contents are wrong is what a check of the length alone lets pass.
  if (data.length > 0) inputs.push(new Uint8Array(data.length), new Uint8Array(data.length).fill(0xff));
  let state = 1;
  for (let i = 0; i < RANDOM; i++) {
    const random = new Uint8Array(16 + i * 16);
    for (let k = 0; k < random.length; k++) {
      state = (state * 48271) % 0x7fffffff;
      random[k] = state & 0xff;
    }
    inputs.push(random);
  }
  return inputs;
}
