/** Bech32 and bech32m (BIP 173, BIP 350), without the length limit that BOLT 11 lifts. */

const CHARSET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
const CONSTANTS: Record<number, Bech32['encoding']> = { 1: 'bech32', 0x2bc830a3: 'bech32m' }

export interface Bech32 {
  prefix: string
  /** Five bits each, without the checksum. */
  words: number[]
  encoding: 'bech32' | 'bech32m'
}

/** Reads it; undefined where it is none or mistyped. */
export function decodeBech32(text: string): Bech32 | undefined {
  if (text !== text.toLowerCase() && text !== text.toUpperCase()) return undefined
  const lower = text.toLowerCase()
  const at = lower.lastIndexOf('1')
  const prefix = lower.slice(0, at)
  if (at < 1 || !/^[\x21-\x7e]+$/.test(prefix)) return undefined
  const words = Array.from(lower.slice(at + 1), (letter) => CHARSET.indexOf(letter))
  if (words.length < 6 || words.includes(-1)) return undefined
  const codes = Array.from(prefix, (letter) => letter.charCodeAt(0))
  const checked = [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31), ...words]
  const encoding = CONSTANTS[polymod(checked)]
  return encoding && { prefix, words: words.slice(0, -6), encoding }
}

/** The bytes of a text without a checksum, as BOLT 12 has them; undefined where it begins otherwise or is mistyped. */
export function readWords(text: string, prefix: string): Uint8Array | undefined {
  if (text !== text.toLowerCase() && text !== text.toUpperCase()) return undefined
  const lower = text.toLowerCase()
  if (!lower.startsWith(`${prefix}1`)) return undefined
  const words = Array.from(lower.slice(prefix.length + 1), (letter) => CHARSET.indexOf(letter))
  return words.includes(-1) ? undefined : toBytes(words)
}

/** Words of five bits as bytes. Undefined where what is left over is not zero, or `strict` and a whole word. */
export function toBytes(words: number[], strict = true): Uint8Array | undefined {
  const bytes: number[] = []
  let buffer = 0
  let bits = 0
  for (const word of words) {
    buffer = ((buffer << 5) | word) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((buffer >> bits) & 0xff)
  }
  if (strict && (bits >= 5 || (buffer & ((1 << bits) - 1)) !== 0)) return undefined
  return Uint8Array.from(bytes)
}

/** Words of five bits as a number. */
export function toNumber(words: number[]): bigint {
  return words.reduce((value, word) => (value << 5n) | BigInt(word), 0n)
}

function polymod(values: number[]): number {
  let sum = 1
  for (const value of values) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ value
    for (const [bit, generator] of GENERATOR.entries()) if ((top >>> bit) & 1) sum ^= generator
  }
  return sum >>> 0
}
