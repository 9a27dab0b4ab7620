/** Signed messages, as Exonum frames them: transactions and precommits. */

import { ed25519 } from '@noble/curves/ed25519.js'
import { fromBinary } from '@bufbuild/protobuf'
import exonum from 'exonum-client'

import { ProofError } from './errors.js'
import { CoreMessageSchema, SignedMessageSchema, type CoreMessage } from './gen/exonum/messages_pb.js'
import { fromHex, toHex } from './hex.js'

/** A message whose signature was checked. */
export interface Signed {
  /** The key that signed it. */
  author: string
  /** Of the whole message: what names a transaction. */
  hash: string
  kind: CoreMessage['kind']
}

/**
 * Reads a signed message and checks its signature. It is checked and read as the bytes that were signed, never encoded
 * again.
 */
export function readSigned(message: string, what: string): Signed {
  const bytes = fromHex(message)
  let signed, core
  try {
    signed = fromBinary(SignedMessageSchema, bytes)
    core = fromBinary(CoreMessageSchema, signed.payload)
  } catch (cause) {
    throw new ProofError('malformed', `the ${what} does not parse`, { cause })
  }
  const key = signed.author?.data ?? new Uint8Array()
  const signature = signed.signature?.data ?? new Uint8Array()
  if (!isValid(signature, signed.payload, key)) throw new ProofError('signature', `the signature on the ${what} is wrong`)
  return { author: toHex(key), hash: exonum.hash(bytes), kind: core.kind }
}

/** Whether the signature is good; keys and signatures that are none are not. */
export function isValid(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  if (signature.length !== 64 || key.length !== 32) return false
  try {
    // As strict as libsodium, which made it.
    return ed25519.verify(signature, message, key, { zip215: false })
  } catch {
    return false
  }
}
