/** A small ledger made here, signed by a key of the test's own: for states that no vector has. */

import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf'
import exonum, { type MessageCodec } from 'exonum-client'

import { CoreMessageSchema } from '../src/gen/exonum/messages_pb.js'
import { BlockSchema } from '../src/gen/exonum/blockchain_pb.js'
import { fromHex, keyPair, toHex } from '../src/index.js'
import { bytes, id } from './vectors.js'

export const validator = keyPair(bytes(42))

const RAW: MessageCodec<Uint8Array> = { encode: (raw) => ({ finish: () => raw }), decode: (raw) => raw }
const NAME = { serialize: (name: string) => new TextEncoder().encode(name) }
const HEX = { serialize: (text: string) => fromHex(text) }

export function stored<Desc extends DescMessage>(schema: Desc, value: MessageInitShape<Desc>): string {
  return toHex(toBinary(schema, create(schema, value)))
}

/** Entries of a table whose keys are 32 bytes, as the node proves all of them. */
export function mapProof(entries: Record<string, string>) {
  const json = { entries: Object.entries(entries).map(([key, value]) => ({ key, value })), proof: [] }
  return { json, root: new exonum.MapProof(json, exonum.MapProof.rawKey(HEX), HEX).merkleRoot }
}

export function listProof(values: string[]) {
  const json = { entries: values.map((value, index) => [index, value]), proof: [], length: values.length }
  return { json, root: new exonum.ListProof(json, HEX).merkleRoot }
}

/** A signed block with this state, as the node answers it. Its epoch stands in a header of its own where it is not the height. */
export function blockProof(stateHash: string, height = 7, epoch = height) {
  const header = epoch === height ? {} : { epoch: [...new Uint8Array(new BigUint64Array([BigInt(epoch)]).buffer)] }
  const entries = Object.entries(header).map(([key, value]) => ({ key, value: Uint8Array.from(value) }))
  const zero = id(0)
  const fields = { height, tx_count: 0, prev_hash: zero, tx_hash: zero, state_hash: stateHash, error_hash: zero }
  const hash = (text: string) => ({ data: fromHex(text) })
  const block = toBinary(
    BlockSchema,
    create(BlockSchema, {
      height: BigInt(height),
      prevHash: hash(zero),
      txHash: hash(zero),
      stateHash: hash(stateHash),
      errorHash: hash(zero),
      additionalHeaders: { headers: { entries } },
    }),
  )
  const precommit = create(CoreMessageSchema, {
    kind: {
      case: 'precommit',
      value: { height: BigInt(epoch), blockHash: hash(exonum.hash(block)), time: { seconds: 1_800_000_000n } },
    },
  })
  const signed = exonum.Verified.sign(RAW, toBinary(CoreMessageSchema, precommit), validator)
  return { block: { ...fields, additional_headers: { headers: header } }, precommits: [toHex(signed.serialize())] }
}

/** The node's answer about a table with these entries. */
export function answer(table: string, proofName: string, entries: Record<string, string>, height = 7) {
  const { json, root } = mapProof(entries)
  const toTable = { entries: [{ key: `lightning.${table}`, value: root }], proof: [] }
  const stateHash = new exonum.MapProof(toTable, NAME, exonum.Hash).merkleRoot
  return { block_proof: blockProof(stateHash, height), to_table: toTable, [proofName]: json }
}
