/** A ledger of the tests' own, as large as wanted: rightly hashed and signed, by a key that no node has. */

import { create, toBinary } from '@bufbuild/protobuf'
import exonum from 'exonum-client'

import { BlockSchema } from '../src/gen/exonum/blockchain_pb.js'
import { CoreMessageSchema } from '../src/gen/exonum/messages_pb.js'
import { ChannelRecordSchema, CommitmentFormat, Side } from '../src/gen/lightning_records_pb.js'
import { fromHex, toHex } from '../src/hex.js'
import { mapEntries, tableRoot } from '../src/proofs.js'

const HEIGHT = 1_000
/** What the channel machine's state takes in a channel that was used. */
const MACHINE_BYTES = 2_000
const RAW = { encode: (bytes: Uint8Array) => ({ finish: () => bytes }), decode: (bytes: Uint8Array) => bytes }

/** An answer of `/channels?proof=true`, and the key that it is signed by. */
export function sealChannels(count: number): { validatorKey: string; answer: unknown } {
  const keys = exonum.fromSeed(new Uint8Array(32).fill(7))
  const entries = Array.from({ length: count }, (_, n) => channel(n)).sort((a, b) => (a.key < b.key ? -1 : 1))
  const channels = { entries, proof: [] }
  const table = { entries: [{ key: 'lightning.channels', value: rootOf((root) => mapEntries(channels, root)) }], proof: [] }
  const stateHash = rootOf((root) => tableRoot(table, root, 'lightning.channels'))
  return { validatorKey: keys.publicKey, answer: { block_proof: block(stateHash, keys), to_table: table, to_channel: channels } }
}

function channel(n: number): { key: string; value: string } {
  const channelId = exonum.hash([n & 255, n >> 8])
  const record = create(ChannelRecordSchema, {
    channelId: fromHex(channelId),
    peer: new Uint8Array(33).fill(2),
    state: 'normal',
    opener: Side.HOLDER,
    format: CommitmentFormat.ANCHORS,
    capacitySat: 1_000_000n,
    localMsat: 600_000_000n - BigInt(n),
    remoteMsat: 400_000_000n + BigInt(n),
    funding: { txid: new Uint8Array(32).fill(3), vout: 0 },
    shortChannelId: (800_000n << 40n) + BigInt(n),
    openedHeight: 1n,
    updatedHeight: BigInt(HEIGHT),
    historyHash: { data: new Uint8Array(32) },
    machine: new Uint8Array(MACHINE_BYTES).fill(n & 255),
  })
  return { key: channelId, value: toHex(toBinary(ChannelRecordSchema, record)) }
}

/** The root that a proof leads to: what its check against another one names. */
function rootOf(check: (root: string) => unknown): string {
  try {
    check('00'.repeat(32))
  } catch (error) {
    const [, root] = /: ([0-9a-f]{64}) instead of/.exec(String(error)) ?? []
    if (root !== undefined) return root
    throw error
  }
  throw new Error('a proof leads to zeroes')
}

function block(stateHash: string, keys: { publicKey: string; secretKey: string }): unknown {
  const zeroes = '00'.repeat(32)
  const data = (hash: string) => ({ data: fromHex(hash) })
  const epoch = Uint8Array.from(new Uint8Array(new BigUint64Array([BigInt(HEIGHT)]).buffer))
  const header = create(BlockSchema, {
    height: BigInt(HEIGHT),
    txCount: 1,
    prevHash: data(zeroes),
    txHash: data(zeroes),
    stateHash: data(stateHash),
    errorHash: data(zeroes),
    additionalHeaders: { headers: { entries: [{ key: 'epoch', value: epoch }] } },
  })
  const precommit = create(CoreMessageSchema, {
    kind: {
      case: 'precommit',
      value: {
        height: BigInt(HEIGHT),
        round: 1,
        proposeHash: data(zeroes),
        blockHash: data(exonum.hash(toBinary(BlockSchema, header))),
        time: { seconds: BigInt(Math.floor(Date.now() / 1000)), nanos: 0 },
      },
    },
  })
  const signed = exonum.Verified.sign(RAW, toBinary(CoreMessageSchema, precommit), keys)
  return {
    block: {
      height: HEIGHT,
      tx_count: 1,
      prev_hash: zeroes,
      tx_hash: zeroes,
      state_hash: stateHash,
      error_hash: zeroes,
      additional_headers: { headers: { epoch: [...epoch] } },
    },
    precommits: [toHex(signed.serialize())],
  }
}
