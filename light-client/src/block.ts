/** The head of the ledger: a block header, and the validator's signature on it. */

import { create, toBinary } from '@bufbuild/protobuf'
import exonum from 'exonum-client'

import { ProofError } from './errors.js'
import { BlockSchema } from './gen/exonum/blockchain_pb.js'
import type { Precommit } from './gen/exonum/messages_pb.js'
import { fromHex, toHex } from './hex.js'
import { count, hex, list, object } from './json.js'
import { readSigned } from './signed.js'

/** A block whose signature was checked. Only {@link verifyBlock} makes it. */
export interface ProvedBlock {
  readonly height: number
  readonly hash: string
  readonly prevHash: string
  readonly stateHash: string
  readonly txHash: string
  readonly errorHash: string
  readonly txCount: number
  /** When the validator signed it, by its own clock. */
  readonly time: Date
}

/**
 * Checks a block header and its precommits against the one validator's key.
 *
 * The precommit names the epoch, which a block carries as a header of its own; npm's verifyBlock compares it with the
 * height and so refuses good blocks. Here it is compared with the epoch.
 */
export function verifyBlock(proof: unknown, validatorKey: string): ProvedBlock {
  const { block: json, precommits } = object(proof, 'block proof')
  const block = readBlock(json)
  const signed = list(precommits, 'precommits')
  // One validator: exactly one precommit.
  if (signed.length !== 1) throw new ProofError('signature', `${signed.length} signatures on the block, expected 1`)
  const precommit = readPrecommit(hex(signed[0], 'precommit'), validatorKey)
  if (precommit.validator !== 0) throw new ProofError('signature', 'signed by a validator that does not exist')
  if (precommit.height !== block.epoch) throw new ProofError('signature', 'the signature is for another epoch')
  if (toHex(precommit.blockHash?.data ?? new Uint8Array()) !== block.hash) {
    throw new ProofError('signature', 'the signature is for another block')
  }
  const { epoch: _, ...header } = block
  const seconds = Number(precommit.time?.seconds ?? 0n)
  return { ...header, time: new Date(seconds * 1000 + Math.floor((precommit.time?.nanos ?? 0) / 1e6)) }
}

function readBlock(json: unknown) {
  const block = object(json, 'block')
  const height = count(block.height, 'height')
  const hashes = {
    prevHash: hex(block.prev_hash, 'prev_hash', 32),
    txHash: hex(block.tx_hash, 'tx_hash', 32),
    stateHash: hex(block.state_hash, 'state_hash', 32),
    errorHash: hex(block.error_hash, 'error_hash', 32),
  }
  const headers = object(object(block.additional_headers, 'additional_headers').headers, 'headers')
  const entries = Object.entries(headers).map(([key, value]) => ({ key, value: headerBytes(value) }))
  const txCount = count(block.tx_count, 'tx_count')
  const bytes = toBinary(
    BlockSchema,
    create(BlockSchema, {
      height: BigInt(height),
      txCount,
      prevHash: { data: fromHex(hashes.prevHash) },
      txHash: { data: fromHex(hashes.txHash) },
      stateHash: { data: fromHex(hashes.stateHash) },
      errorHash: { data: fromHex(hashes.errorHash) },
      additionalHeaders: { headers: { entries } },
    }),
  )
  const epoch = entries.find(({ key }) => key === 'epoch')?.value
  return { height, txCount, ...hashes, hash: exonum.hash(bytes), epoch: epoch ? littleEndian(epoch) : BigInt(height) }
}

function readPrecommit(message: string, validatorKey: string): Precommit {
  const { author, kind } = readSigned(message, 'block')
  if (author !== validatorKey) {
    throw new ProofError('signature', `the block is signed by ${author}, not by the pinned ${validatorKey}`)
  }
  if (kind.case !== 'precommit') throw new ProofError('signature', 'the signed message is no precommit')
  return kind.value
}

function headerBytes(value: unknown): Uint8Array {
  const bytes = list(value, 'header').map((byte) => count(byte, 'header byte'))
  if (bytes.some((byte) => byte > 255)) throw new ProofError('malformed', 'a header byte is above 255')
  return Uint8Array.from(bytes)
}

function littleEndian(bytes: Uint8Array): bigint {
  if (bytes.length !== 8) throw new ProofError('malformed', 'the epoch is not 8 bytes')
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true)
}
