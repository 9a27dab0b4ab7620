/** From a block's state hash down to the stored bytes. */

import { create, toBinary } from '@bufbuild/protobuf'
import exonum, { type Codec } from 'exonum-client'

import { callErrorBytes } from './call-error.js'
import { ProofError } from './errors.js'
import { CallInBlockSchema } from './gen/exonum/blockchain_pb.js'
import { fromHex } from './hex.js'
import { count, hex, list, object } from './json.js'

/** Stored bytes travel as hex. Decoding and encoding them again would change them where encodings differ. */
const STORED: Codec<string> = { serialize: (text) => fromHex(hex(text, 'value')) }
const TABLE_NAME: Codec<string> = { serialize: (name) => new TextEncoder().encode(name) }
const RAW_KEY: Codec<string> = { serialize: (key) => fromHex(hex(key, 'key', 32)) }

/** What a map proof shows. */
export interface MapEntries {
  /** Keys that are there, with the stored bytes. */
  present: Map<string, Uint8Array>
  /** Keys that are proved not to be there. */
  absent: Set<string>
  /** The proof shows every key of the table: nothing was left out. */
  complete: boolean
}

/** What a list proof shows. */
export interface ListEntries {
  length: number
  entries: { index: number; value: Uint8Array }[]
}

/** The root hash of one of the ledger's tables, `lightning.channels` for one. */
export function tableRoot(indexProof: unknown, stateHash: string, table: string): string {
  const proof = attempt('table proof', () => new exonum.MapProof(indexProof, TABLE_NAME, exonum.Hash))
  same(proof.merkleRoot, stateHash, 'the table is not in the state that was signed')
  const root = proof.entries.get(table)
  if (root === undefined) throw new ProofError('other_question', `the proof is not about ${table}`)
  return root
}

/** The entries of a table. Their keys are 32 bytes. */
export function mapEntries(json: unknown, root: string): MapEntries {
  const proof = attempt('map proof', () => new exonum.MapProof(json, exonum.MapProof.rawKey(RAW_KEY), STORED))
  same(proof.merkleRoot, root, 'the values are not in the table')
  const present = new Map([...proof.entries].map(([key, value]) => [key, fromHex(value)]))
  const rest = list(object(json, 'map proof').proof, 'proof').length
  return { present, absent: proof.missingKeys, complete: rest === 0 }
}

/** One key of such a table: its stored bytes, or undefined if it is proved absent. */
export function mapEntry(json: unknown, root: string, key: string): Uint8Array | undefined {
  const { present, absent } = mapEntries(json, root)
  const value = present.get(key)
  if (value === undefined && !absent.has(key)) throw new ProofError('other_question', `the proof is not about ${key}`)
  return value
}

/** Entries of a list. */
export function listEntries(json: unknown, root: string): ListEntries {
  const proof = attempt('list proof', () => new exonum.ListProof(json, STORED))
  same(proof.merkleRoot, root, 'the entries are not in the list')
  const entries = proof.entries.map(({ index, value }) => ({ index, value: fromHex(value) }))
  return { length: count(proof.length, 'length'), entries }
}

/** A table of one value: the stored bytes hash to its root. */
export function soleEntry(value: unknown, root: string): Uint8Array {
  const bytes = fromHex(hex(value, 'value'))
  same(exonum.hash(bytes), root, 'the value is not the one in the table')
  return bytes
}

/** Checks that these hashes, in this order, are all that a list has. */
export function verifyWholeList(hashes: string[], root: string): void {
  const whole = { proof: [], entries: hashes.map((hash, index) => [index, hash]), length: hashes.length }
  const proof = attempt('list', () => new exonum.ListProof(whole, STORED))
  same(proof.merkleRoot, root, 'these are not all entries of the list')
}

/** Checks that transaction `txHash` stands at `position` of a block. */
export function verifyLocation(json: unknown, txRoot: string, txHash: string, position: number): void {
  const proof = attempt('location proof', () => new exonum.ListProof(json, STORED))
  same(proof.merkleRoot, txRoot, 'the transaction is not in the block')
  const at = proof.entries.find(({ index }) => index === position)
  if (at?.value !== txHash) throw new ProofError('other_question', 'the proof is about another transaction')
}

/** Whether the transaction at `position` of a block succeeded: the block lists the calls that failed. */
export function callSucceeded(json: unknown, errorRoot: string, position: number, txCount: number): boolean {
  if (position >= txCount) throw new ProofError('other_question', 'the block has no such transaction')
  const key: Codec<unknown> = { serialize: callBytes }
  const proof = attempt('call proof', () => new exonum.MapProof<unknown, unknown>(json, key, { serialize: callErrorBytes }))
  same(proof.merkleRoot, errorRoot, 'the outcome is not in the block')
  const isOurs = (call: unknown) => isCall(call, position)
  if ([...proof.missingKeys].some(isOurs)) return true
  if ([...proof.entries.keys()].some(isOurs)) return false
  throw new ProofError('other_question', 'the proof is about another call')
}

function isCall(call: unknown, position: number): boolean {
  const { type, index } = object(call, 'call')
  return type === 'transaction' && index === position
}

function callBytes(call: unknown): Uint8Array {
  const { type, index } = object(call, 'call')
  if (type !== 'transaction') throw new ProofError('other_question', 'the proof is not about a transaction')
  const value = { case: 'transaction' as const, value: count(index, 'index') }
  return toBinary(CallInBlockSchema, create(CallInBlockSchema, { call: value }))
}

function same(actual: string, expected: string, message: string): void {
  if (actual !== expected) throw new ProofError('mismatch', `${message}: ${actual} instead of ${expected}`)
}

function attempt<T>(what: string, make: () => T): T {
  try {
    return make()
  } catch (cause) {
    if (cause instanceof ProofError) throw cause
    throw new ProofError('malformed', `${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}
