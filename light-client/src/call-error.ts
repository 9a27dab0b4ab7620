/** Why a call failed, as the bytes that the block's error hash is made of. */

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

import { ProofError } from './errors.js'
import { count, object } from './json.js'

/** Of Exonum's `ExecutionError`: whose error it is. */
const KINDS = new Map([
  ['unexpected_error', 0],
  ['core_error', 1],
  ['runtime_error', 2],
  ['service_error', 3],
  ['common_error', 4],
])

/** Of Exonum's `CallSite`: what was being called. */
const CALLS = new Map([
  ['method', 0],
  ['constructor', 1],
  ['before_transactions', 2],
  ['after_transactions', 3],
  ['resume', 4],
])

/**
 * Exonum's `ExecutionError` from its JSON form, byte for byte as the ledger hashed it. The description is not part of it:
 * what a refusal says for people is the node's word, its code is not.
 */
export function callErrorBytes(json: unknown): Uint8Array {
  const error = object(json, 'error')
  const writer = new BinaryWriter()
  number(writer, 1, known(KINDS, error.type))
  number(writer, 2, error.code === undefined ? 0 : count(error.code, 'code'))
  // What stands in a `oneof` is written even where it is zero.
  if (error.runtime_id === undefined) writer.tag(5, WireType.LengthDelimited).bytes(new Uint8Array())
  else writer.tag(4, WireType.Varint).uint32(count(error.runtime_id, 'runtime_id'))
  if (error.call_site === undefined) writer.tag(7, WireType.LengthDelimited).bytes(new Uint8Array())
  else writer.tag(6, WireType.LengthDelimited).bytes(callSiteBytes(error.call_site))
  return writer.finish()
}

function callSiteBytes(json: unknown): Uint8Array {
  const site = object(json, 'call site')
  const writer = new BinaryWriter()
  number(writer, 1, known(CALLS, site.call_type))
  number(writer, 2, count(site.instance_id, 'instance_id'))
  number(writer, 3, site.method_id === undefined ? 0 : count(site.method_id, 'method_id'))
  if (typeof site.interface === 'string' && site.interface !== '') {
    writer.tag(4, WireType.LengthDelimited).string(site.interface)
  }
  return writer.finish()
}

/** Zero is not written. */
function number(writer: BinaryWriter, field: number, value: number): void {
  if (value !== 0) writer.tag(field, WireType.Varint).uint32(value)
}

function known(names: ReadonlyMap<string, number>, name: unknown): number {
  const found = typeof name === 'string' ? names.get(name) : undefined
  if (found === undefined) throw new ProofError('malformed', `${String(name)} is no kind of error`)
  return found
}
