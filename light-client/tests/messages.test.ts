/**
 * Every message of the schemas: what the ledger wrote is read whole and written back.
 *
 * Stored values and the operator's commands come out byte for byte. Of the node's own steps only the order of fields
 * differs: rust-protobuf writes what stands in a `oneof` last. Nobody but the node signs them.
 */

import { equals, fromBinary, toBinary, type DescMessage } from '@bufbuild/protobuf'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

import * as records from '../src/gen/lightning_records_pb.js'
import * as transactions from '../src/gen/lightning_transactions_pb.js'
import { METHODS, SERVICE_METHODS, fromHex, readChannel, readForward, readHistoryEntry, toHex } from '../src/index.js'

interface Messages {
  records: { type: string; bytes: string }[]
  transactions: { method: string; method_id: number; arguments: string }[]
}

const file = new URL('../../tests/vectors/ledger-transactions.json', import.meta.url)
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Messages

const RECORDS: Record<string, DescMessage> = {
  ChannelRecord: records.ChannelRecordSchema,
  HistoryEntry: records.HistoryEntrySchema,
  HtlcRecord: records.HtlcRecordSchema,
  Payment: records.PaymentSchema,
  Invoice: records.InvoiceSchema,
  Request: records.RequestSchema,
  Policy: records.PolicySchema,
  Config: records.ConfigSchema,
  Genesis: records.GenesisSchema,
  Ask: records.AskSchema,
  Forward: records.ForwardSchema,
  ReturnedFailure: records.ReturnedFailureSchema,
  HtlcRef: records.HtlcRefSchema,
  ChannelPolicy: records.ChannelPolicySchema,
  Event: records.EventSchema,
}

const ARGUMENTS: DescMessage[] = [
  transactions.OpeningSchema,
  transactions.CommitmentSchema,
  transactions.RevocationSchema,
  transactions.HtlcAddSchema,
  transactions.HtlcResolveSchema,
  transactions.FeeUpdateSchema,
  transactions.ReadySchema,
  transactions.ReestablishSchema,
  transactions.ClosingSchema,
  transactions.ChainStepSchema,
  transactions.InvoiceStepSchema,
  transactions.PaymentOrderSchema,
  transactions.PaymentResultSchema,
  transactions.PolicyChangeSchema,
  records.OpenChannelRequestSchema,
  records.CloseChannelRequestSchema,
  transactions.RequestResultSchema,
  transactions.ChannelPolicyChangeSchema,
  records.OpenBatchRequestSchema,
  transactions.BatchSignedSchema,
  records.AskChannelRequestSchema,
  transactions.AskStepSchema,
  transactions.AskDecisionSchema,
  transactions.OpenAskedSchema,
  transactions.StepsSchema,
]

/** The methods that the operator signs. */
const OPERATORS = new Set(Object.values(METHODS).map(({ id }) => id as number))

function again(schema: DescMessage | undefined, bytes: string): string {
  return toHex(toBinary(schema!, fromBinary(schema!, fromHex(bytes), { readUnknownFields: false })))
}

test.each(vectors.records)('record $type survives', ({ type, bytes }) => {
  expect(again(RECORDS[type], bytes)).toBe(bytes)
})

test.each(vectors.transactions)('argument of $method survives', (vector) => {
  const schema = ARGUMENTS[vector.method_id]!
  const written = again(schema, vector.arguments)
  if (OPERATORS.has(vector.method_id)) expect(written).toBe(vector.arguments)
  expect(written).toHaveLength(vector.arguments.length)
  expect(equals(schema, fromBinary(schema, fromHex(written)), fromBinary(schema, fromHex(vector.arguments)))).toBe(true)
})

test('every method is known by its name to whoever reads the ledger', () => {
  for (const { method, method_id } of vectors.transactions) {
    const [name, schema] = SERVICE_METHODS[method_id]!
    expect(name).toBe(method)
    expect(schema).toBe(ARGUMENTS[method_id])
  }
  expect(SERVICE_METHODS).toHaveLength(ARGUMENTS.length)
})

test('every method and every record is among the vectors', () => {
  expect(new Set(vectors.transactions.map(({ method_id }) => method_id)).size).toBe(ARGUMENTS.length)
  expect(new Set(vectors.records.map(({ type }) => type))).toEqual(new Set(Object.keys(RECORDS)))
})

/** The fields by the method: each with a value in one of the vectors, for what is empty in all of them is not compared at all. */
function fields(method: string): Record<string, unknown>[] {
  const found = vectors.transactions.filter((vector) => vector.method === method)
  return found.map((vector) => ({ ...fromBinary(ARGUMENTS[vector.method_id]!, fromHex(vector.arguments)) }))
}

test('HTLC within a blinded path is among the vectors', () => {
  expect(fields('htlc_add').map(({ pathKey }) => (pathKey as Uint8Array).length)).toContain(33)
})

test.each(['failureOnion', 'preimage'])('attribution data beside a %s is among the vectors', (end) => {
  const ended = fields('htlc_resolve').filter(({ resolution }) => (resolution as { case: string }).case === end)
  expect(ended.map(({ attribution }) => (attribution as Uint8Array).length)).toContain(920)
})

test('ledger begins with the policy and the keys that its genesis names', () => {
  const genesis = fromBinary(records.GenesisSchema, fromHex(vectors.records.find(({ type }) => type === 'Genesis')!.bytes))
  const stored = (type: string) => vectors.records.find((record) => record.type === type)!.bytes
  expect(toHex(toBinary(records.ConfigSchema, genesis.config!))).toBe(stored('Config'))
  expect(toHex(toBinary(records.PolicySchema, genesis.policy!))).toBe(stored('Policy'))
})

test('channel of the ledger is read as a person knows it', () => {
  const channel = readChannel(fromHex(vectors.records.find(({ type }) => type === 'ChannelRecord')!.bytes))
  expect(channel.state).toBe('normal')
  expect(channel.localMsat + channel.remoteMsat + channel.offeredMsat + channel.receivedMsat).toBe(
    channel.capacitySat * 1000n,
  )
  expect(channel.shortChannelId).toMatch(/^\d+x\d+x\d+$/)
  expect(channel.openingTxid).toHaveLength(64)
})

test('payment that passed through is read as a person knows it', () => {
  const forward = readForward(fromHex(vectors.records.find(({ type }) => type === 'Forward')!.bytes))
  expect(forward).toMatchObject({ status: 'failed', failure: 'temporary_channel_failure', feeMsat: 1_000n, outgoingMsat: 1_000_000n })
})

test('step of a channel is read as a person knows it', () => {
  const entry = readHistoryEntry(fromHex(vectors.records.find(({ type }) => type === 'HistoryEntry')!.bytes))
  expect(entry).toMatchObject({ kind: 'htlc_add', by: 'holder', state: 'normal' })
})
