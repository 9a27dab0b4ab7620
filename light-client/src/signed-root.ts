/** What the signatures of BOLT 12 are made over ("Signature Calculation"): the root of a tree of all other fields. */

import { sha256 } from '@noble/hashes/sha2.js'

import { toHex } from './hex.js'
import type { Records } from './tlv.js'

const isSignature = (type: bigint) => type >= 240n && type <= 1_000n

/** The root. Beside each field stands a hash of its number, so that one field can be shown without the others being guessed. */
export function signedRoot(fields: Records): Uint8Array {
  const all = fields.all.filter(({ type }) => !isSignature(type))
  const nonceTag = join(ascii('LnNonce'), all[0]?.bytes ?? new Uint8Array())
  let level = all.map(({ bytes, typeBytes }) => branch(taggedHash(ascii('LnLeaf'), bytes), taggedHash(nonceTag, typeBytes)))
  while (level.length > 1) {
    const pairs = Array.from({ length: Math.ceil(level.length / 2) }, (_, at) => level.slice(2 * at, 2 * at + 2))
    level = pairs.map(([left, right]) => (right ? branch(left!, right) : left!))
  }
  return level[0] ?? new Uint8Array(32)
}

function branch(one: Uint8Array, other: Uint8Array): Uint8Array {
  const [lesser, greater] = toHex(one) < toHex(other) ? [one, other] : [other, one]
  return taggedHash(ascii('LnBranch'), join(lesser, greater))
}

/** H(tag, message) of BOLT 12, which is BIP 340's. */
export function taggedHash(tag: Uint8Array, message: Uint8Array): Uint8Array {
  const hash = sha256(tag)
  return sha256(join(hash, hash, message))
}

export function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}
