import { expect, test } from 'vitest'

import {
  callSucceeded,
  fromHex,
  listEntries,
  mapEntries,
  mapEntry,
  readAsk,
  readInvoice,
  readPayment,
  readPolicy,
  soleEntry,
  tableRoot,
  verifyBlock,
  verifyLocation,
} from '../src/index.js'
import { bytes, id, proof, vectors } from './vectors.js'

const key = vectors().validator_key

/** The root of the table that a proof is about, checked from the signature on. */
function root(name: string, table: string): string {
  const { block_proof, to_table } = proof(name)
  return tableRoot(to_table, verifyBlock(block_proof, key).stateHash, table)
}

test('invoice is proved and read with its exact amount', () => {
  const stored = mapEntry(proof('invoice').to_invoice, root('invoice', 'lightning.invoices'), id(7))
  expect(readInvoice(stored!)).toMatchObject({
    paymentHash: id(7),
    amountMsat: 9_007_199_254_740_993n,
    description: 'зарница',
    status: 'open',
    preimage: undefined,
  })
})

test('payment is proved and read', () => {
  const stored = mapEntry(proof('payment').to_payment, root('payment', 'lightning.payments'), id(5))
  expect(readPayment(stored!)).toMatchObject({ amountMsat: 1500n, status: 'pending', failure: undefined })
})

test('channel that a peer asks for is proved and read, and one that is left out is missed', () => {
  const { present, complete } = mapEntries(proof('asks').to_ask, root('asks', 'lightning.asks'))
  const [[key, stored] = []] = [...present]
  expect(readAsk(stored!, key!)).toMatchObject({ askId: key, id: id(1), amountSat: 500_000n, status: 'asked', attempts: 0, channelId: undefined })
  expect(complete).toBe(true)
  const part = mapEntries(proof('asks_incomplete').to_ask, root('asks_incomplete', 'lightning.asks'))
  expect(part).toMatchObject({ complete: false })
  expect(part.present.size).toBe(0)
})

test('what is not there is proved to be absent', () => {
  const invoices = root('invoice_absent', 'lightning.invoices')
  expect(mapEntry(proof('invoice_absent').to_invoice, invoices, id(1))).toBeUndefined()
  const channels = root('channel_absent', 'lightning.channels')
  expect(mapEntry(proof('channel_absent').to_channel, channels, id(1))).toBeUndefined()
})

test('table that is shown whole is complete, and one with a part left out is not', () => {
  const whole = mapEntries(proof('invoices').to_invoice, root('invoices', 'lightning.invoices'))
  expect([...whole.present.keys()].sort()).toEqual([id(7), id(9)])
  expect(whole.complete).toBe(true)
  const part = mapEntries(proof('invoices_incomplete').to_invoice, root('invoices_incomplete', 'lightning.invoices'))
  expect(part.complete).toBe(false)
  const none = mapEntries(proof('channels_of_none').to_channel, root('channels_of_none', 'lightning.channels'))
  expect(none).toMatchObject({ complete: true })
})

test('policy is proved as the one value of its table', () => {
  const policy = readPolicy(soleEntry(proof('policy').value, root('policy', 'lightning.policy')))
  expect(policy).toMatchObject({ baseFeeMsat: 1000n, feePpm: 100, cltvDelta: 80 })
})

test('part of a list is proved with its places', () => {
  const { list } = vectors()
  const { entries, length } = listEntries(list.proof, list.root)
  expect(entries).toEqual([1, 2].map((index) => ({ index, value: bytes(index + 1, 4) })))
  expect(length).toBe(5)
})

test('proof about another key answers another question', () => {
  const invoices = root('invoice', 'lightning.invoices')
  expect(() => mapEntry(proof('invoice').to_invoice, invoices, id(9))).toThrow('not about')
})

test('proof of another table is refused', () => {
  expect(() => root('invoice', 'lightning.payments')).toThrow('not about')
})

test('changed value, key, table or place does not match', () => {
  const vector = proof('invoice')
  const to_invoice = vector.to_invoice as { entries: { key: string; value: string }[] }
  const to_table = vector.to_table as unknown as { entries: { value: string }[] }
  const invoices = root('invoice', 'lightning.invoices')
  const [entry] = to_invoice.entries
  const value = entry!.value
  entry!.value = value.slice(0, -2) + '00'
  expect(() => mapEntries(to_invoice, invoices)).toThrow('not in the table')
  Object.assign(entry!, { value, key: id(6) })
  expect(() => mapEntries(to_invoice, invoices)).toThrow()
  to_table.entries[0]!.value = id(1)
  const { stateHash } = verifyBlock(vector.block_proof, key)
  expect(() => tableRoot(to_table, stateHash, 'lightning.invoices')).toThrow('not in the state')
  expect(() => soleEntry('00', root('policy', 'lightning.policy'))).toThrow('not the one')

  const { list } = vectors()
  list.proof.entries[0]![0] = 0
  expect(() => listEntries(list.proof, list.root)).toThrow()
})

test('present key cannot be shown as absent', () => {
  const forged = { entries: [{ missing: id(7) }], proof: [] }
  expect(() => mapEntry(forged, root('invoice', 'lightning.invoices'), id(7))).toThrow('not in the table')
})

test.each([undefined, null, {}, { entries: [{}], proof: [] }, { entries: 1, proof: [] }, { entries: [], proof: [{}] }])(
  'what is no proof is malformed: %j',
  (json) => {
    expect(() => mapEntries(json, id(0))).toThrow(expect.objectContaining({ code: 'malformed' }))
  },
)

const SUCCEEDED = ['invoice', 'invoice_other', 'invoice_cancel', 'policy']
const REFUSED = ['invoice_again', 'close_channel']

test.each([...SUCCEEDED, ...REFUSED])('%s is proved to stand in its block', (name) => {
  const { transaction, call_status } = vectors().outcomes[name]!
  const location = transaction.location as { position_in_block: number }
  const block = verifyBlock(call_status, key)
  const hash = vectors().transactions[name]!.hash
  verifyLocation(transaction.location_proof, block.txHash, hash, location.position_in_block)
  expect(() => verifyLocation(transaction.location_proof, block.txHash, id(1), location.position_in_block)).toThrow()
  expect(() => verifyLocation(transaction.location_proof, id(1), hash, location.position_in_block)).toThrow()
})

test.each(SUCCEEDED)('%s is proved to have succeeded', (name) => {
  const { call_status } = vectors().outcomes[name]!
  const block = verifyBlock(call_status, key)
  expect(callSucceeded(call_status.call_proof, block.errorHash, 0, block.txCount)).toBe(true)
  expect(() => callSucceeded(call_status.call_proof, block.errorHash, block.txCount, block.txCount)).toThrow()
})

test.each(REFUSED)('%s is proved to have been refused, and cannot be shown to have succeeded', (name) => {
  const { call_status } = vectors().outcomes[name]!
  const block = verifyBlock(call_status, key)
  expect(callSucceeded(call_status.call_proof, block.errorHash, 0, block.txCount)).toBe(false)
  const forged = { entries: [{ missing: { type: 'transaction', index: 0 } }], proof: [] }
  expect(() => callSucceeded(forged, block.errorHash, 0, block.txCount)).toThrow('not in the block')
})

test.each([
  ['another code', { code: 1 }],
  ['another kind', { type: 'core_error' }],
  ['another method', { call_site: { call_type: 'method', instance_id: 100, method_id: 11 } }],
  ['no call', { call_site: undefined }],
  ['no runtime', { runtime_id: undefined }],
])('refusal that is said to have %s is not the one in the block', (_, change) => {
  const { call_status } = vectors().outcomes.invoice_again!
  const block = verifyBlock(call_status, key)
  const proof = call_status.call_proof as { entries: { value: object }[] }
  proof.entries[0]!.value = { ...proof.entries[0]!.value, ...change }
  expect(() => callSucceeded(proof, block.errorHash, 0, block.txCount)).toThrow('not in the block')
})

test.each([undefined, {}, { type: 'bad_luck' }, { type: 'service_error', code: -1 }])(
  'refusal that is none is malformed: %j',
  (value) => {
    const { call_status } = vectors().outcomes.invoice_again!
    const block = verifyBlock(call_status, key)
    const proof = { entries: [{ key: { type: 'transaction', index: 0 }, value }], proof: [] }
    const check = () => callSucceeded(proof, block.errorHash, 0, block.txCount)
    expect(check).toThrow(expect.objectContaining({ code: 'malformed' }))
  },
)

test('hex that is not lower-case hex is refused', () => {
  for (const text of ['0', 'zz', 'AB', ' 00']) expect(() => fromHex(text)).toThrow()
})
