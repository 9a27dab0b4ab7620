import exonum from 'exonum-client'
import { expect, test } from 'vitest'

import { InvoiceSchema, InvoiceStatus, PaymentSchema, PaymentStatus } from '../src/gen/lightning_records_pb.js'
import { fromHex, LightClient, makeReceipt, verifyReceipt, type Receipt } from '../src/index.js'
import { answer, stored, validator } from './made.js'
import { bytes, id } from './vectors.js'

const preimage = bytes(5)
const paymentHash = exonum.hash(preimage)
const payee = `02${'11'.repeat(32)}`

function paid(more: object = {}) {
  return stored(PaymentSchema, {
    paymentHash: fromHex(paymentHash),
    payee: fromHex(payee),
    amountMsat: 9_007_199_254_740_993n,
    feeMsat: 1_001n,
    status: PaymentStatus.SUCCEEDED,
    preimage,
    ...more,
  })
}

const sent = (more?: object) => answer('payments', 'to_payment', { [paymentHash]: paid(more) })

function code(receipt: unknown, key?: string): string {
  try {
    verifyReceipt(receipt, key)
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'accepted'
}

test('receipt of a payment proves amount, payee and time without the node', () => {
  const receipt = JSON.parse(JSON.stringify(makeReceipt('sent', validator.publicKey, sent()))) as Receipt
  const proved = verifyReceipt(receipt, validator.publicKey)
  expect(proved).toMatchObject({ kind: 'sent', paymentHash, payee, amountMsat: 9_007_199_254_740_993n, feeMsat: 1_001n })
  expect(proved.block.height).toBe(7)
  expect(proved.block.time.getTime()).toBe(1_800_000_000_000)
})

test('receipt of an invoice that was paid proves what was received', () => {
  const invoice = stored(InvoiceSchema, {
    paymentHash: fromHex(paymentHash),
    status: InvoiceStatus.PAID,
    receivedMsat: 5_000n,
    preimage,
  })
  const receipt = makeReceipt('received', validator.publicKey, answer('invoices', 'to_invoice', { [paymentHash]: invoice }))
  expect(verifyReceipt(receipt)).toMatchObject({ kind: 'received', amountMsat: 5_000n, feeMsat: undefined })
})

test('receipt with anything changed is refused', () => {
  const receipt = makeReceipt('sent', validator.publicKey, sent())
  expect(code(receipt)).toBe('accepted')
  expect(code({ ...receipt, preimage: id(6) })).toBe('mismatch')
  expect(code({ ...receipt, payment_hash: id(6) })).toBe('mismatch')
  expect(code({ ...receipt, invoice: 'lnbcrt1' })).toBe('mismatch')
  expect(code({ ...receipt, kind: 'received' })).toBe('other_question')
  expect(code({ ...receipt, format: 'another' })).toBe('malformed')
  expect(code({ ...receipt, validator_key: id(6) })).toBe('signature')
  expect(code(receipt, id(6))).toBe('signature')
  const other = answer('payments', 'to_payment', { [paymentHash]: paid({ amountMsat: 1n }) })
  const { block_proof } = receipt.proof as { block_proof: unknown }
  expect(code({ ...receipt, proof: { ...other, block_proof } })).toBe('mismatch')
})

test('payment that did not succeed gets no receipt', () => {
  for (const more of [{ status: PaymentStatus.PENDING, preimage: bytes(0, 0) }, { status: PaymentStatus.FAILED }]) {
    expect(() => makeReceipt('sent', validator.publicKey, sent(more))).toThrow()
  }
})

test('client makes a receipt of the node’s answer', async () => {
  const send = () => Promise.resolve(new Response(JSON.stringify(sent())))
  const light = new LightClient({ url: 'http://node', validatorKey: validator.publicKey, fetch: send as typeof fetch })
  expect(verifyReceipt(await light.receipt('sent', paymentHash)).paymentHash).toBe(paymentHash)
})
