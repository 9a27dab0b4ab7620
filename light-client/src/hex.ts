/** Lower-case hex, as the node writes ids and hashes. */

const HEX = /^(?:[0-9a-f]{2})*$/

export function isHex(text: unknown, bytes?: number): text is string {
  return typeof text === 'string' && HEX.test(text) && (bytes === undefined || text.length === 2 * bytes)
}

export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

export function fromHex(text: string): Uint8Array {
  if (!HEX.test(text)) throw new TypeError(`not lower-case hex: ${text.slice(0, 80)}`)
  const bytes = new Uint8Array(text.length / 2)
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number.parseInt(text.slice(2 * at, 2 * at + 2), 16)
  return bytes
}

/** A txid as people see it: Bitcoin shows its hashes in reverse. */
export function toTxid(bytes: Uint8Array): string {
  return toHex(Uint8Array.from(bytes).reverse())
}
