/** A ledger of the tests' own, as large as wanted: rightly hashed and signed, by a key that no node has. */

import { create, toBinary } from '@bufbuild/protobuf'
import exonum from 'exonum-client'

import { BlockSchema } from '../src/gen/exonum/blockchain_pb.js'
import { CoreMessageSchema } from '../src/gen/exonum/messages_pb.js'
import { Actor, ChannelRecordSchema, CommitmentFormat, HistoryEntrySchema, HistoryKind, PolicySchema, Side } from '../src/gen/lightning_records_pb.js'
import { fromHex, toHex } from '../src/hex.js'
import { MAX_HISTORY } from '../src/limits.js'
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

/** What a node with one channel, of a history of so many steps, answers to each question of the channel's page. */
export function sealHistory(count: number) {
  const keys = exonum.fromSeed(new Uint8Array(32).fill(7))
  const steps = Array.from({ length: count }, (_, n) => step(n))
  const levels = treeOver(steps)
  const historyHash = exonum.hash([2, ...littleEndian(count), ...fromHex(levels.at(-1)![0]!)])
  const { key: channelId, value } = channel(0, historyHash, count)
  const channels = { entries: [{ key: channelId, value }], proof: [] }
  const policy = toHex(toBinary(PolicySchema, create(PolicySchema, { maxToSelfDelay: 2_016, feePpm: 1 })))
  const roots = [
    { key: 'lightning.channels', value: rootOf((root) => mapEntries(channels, root)) },
    { key: 'lightning.policy', value: exonum.hash(fromHex(policy)) },
  ]
  const table = { entries: roots.sort((a, b) => (tableKey(a.key) < tableKey(b.key) ? -1 : 1)), proof: [] }
  const stateHash = rootOf((root) => tableRoot(table, root, 'lightning.channels'))
  const sealed = { block_proof: block(stateHash, keys), to_table: table }
  const page = (from: number) => ({ ...sealed, to_channel: channels, history: rangeProof(steps, levels, from, Math.min(count, from + MAX_HISTORY)) })
  return { validatorKey: keys.publicKey, channelId, channels: { ...sealed, to_channel: channels }, policy: { ...sealed, value: policy }, page }
}

function step(n: number): string {
  const entry = create(HistoryEntrySchema, {
    kind: HistoryKind.COMMITMENT,
    by: n % 2 === 0 ? Actor.HOLDER : Actor.COUNTERPARTY,
    state: 'normal',
    commitmentNumber: BigInt(n),
    localMsat: BigInt(n) * 1_000n + 500n,
    remoteMsat: 1_000_000_000n - BigInt(n) * 1_000n - 500n,
    txHash: { data: fromHex(exonum.hash(littleEndian(n))) },
    height: BigInt(HEIGHT),
  })
  return toHex(toBinary(HistoryEntrySchema, entry))
}

/** The hashes of a list's tree, from those of its values up. */
function treeOver(values: string[]): string[][] {
  const levels = [values.map((value) => exonum.hash([0, ...fromHex(value)]))]
  for (let level = levels[0]!; level.length > 1; levels.push(level)) {
    const pairs = Array.from({ length: Math.ceil(level.length / 2) }, (_, at) => level.slice(2 * at, 2 * at + 2))
    level = pairs.map((pair) => exonum.hash([1, ...pair.flatMap((hash) => [...fromHex(hash)])]))
  }
  return levels
}

/** The values from `from` up to `to`, with the hashes beside their way to the root. */
function rangeProof(values: string[], levels: string[][], from: number, to: number) {
  const proof: { height: number; index: number; hash: string }[] = []
  let [first, last] = [from, to - 1]
  for (const [at, level] of levels.slice(0, -1).entries()) {
    for (const index of [first % 2 === 1 ? first - 1 : -1, last % 2 === 0 ? last + 1 : -1]) {
      const hash = level[index]
      if (hash !== undefined) proof.push({ height: at + 1, index, hash })
    }
    ;[first, last] = [first >> 1, last >> 1]
  }
  return { entries: values.slice(from, to).map((value, at) => [from + at, value]), proof, length: values.length }
}

/** A table stands in the state by the hash of its name, whose bits are read from the least of each byte on. */
const tableKey = (name: string) =>
  [...fromHex(exonum.hash([...new TextEncoder().encode(name)]))].map((byte) => byte.toString(2).padStart(8, '0').split('').reverse().join('')).join('')

const littleEndian = (count: number) => new Uint8Array(new BigUint64Array([BigInt(count)]).buffer)

function channel(n: number, historyHash = '00'.repeat(32), historyLength = 0): { key: string; value: string } {
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
    historyHash: { data: fromHex(historyHash) },
    historyLen: BigInt(historyLength),
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
