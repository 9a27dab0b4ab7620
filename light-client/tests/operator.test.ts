/** What the operator orders, against a node whose ledger is made here. */

import { fromBinary } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'

import { PaymentSchema, PaymentStatus, RequestSchema, RequestStatus } from '../src/gen/lightning_records_pb.js'
import { CoreMessageSchema, SignedMessageSchema } from '../src/gen/exonum/messages_pb.js'
import { fromHex, keyPair, LightClient, Operator, OrderError, type Committed } from '../src/index.js'
import { METHODS, type Argument, type Method } from '../src/index.js'
import { answer, stored, validator } from './made.js'
import { invoiceText, makerId, offerFields, offerText } from './offers.js'
import { bytes, id } from './vectors.js'

const keys = keyPair(bytes(1))
const INVOICE =
  'lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh'

/** A client that notes commands instead of sending them, and reads from a table of answers. */
function operator(answers: (path: string, body: string) => unknown, patience = 60_000) {
  const ordered: [Method, Argument<Method>][] = []
  class Noting extends LightClient {
    override command<M extends Method>(method: M, argument: Argument<M>): Promise<Committed> {
      ordered.push([method, argument])
      return Promise.resolve({ txHash: id(3), position: 0, block: {} as Committed['block'] })
    }
  }
  const send = (url: string | URL | Request, init?: RequestInit) =>
    Promise.resolve(new Response(JSON.stringify(answers(String(url).replace('http://node', ''), String(init?.body)))))
  const client = new Noting({ url: 'http://node', validatorKey: validator.publicKey, fetch: send as typeof fetch })
  return { ordered, operator: new Operator(client, keys, patience) }
}

const order = (status: RequestStatus, reason = '', height = 7) =>
  answer('requests', 'to_request', { [id(3)]: stored(RequestSchema, { status, channelId: bytes(9), reason }) }, height)

test('opening is ordered once and answered with the channel that the ledger proves', async () => {
  const looks = [order(RequestStatus.PENDING), order(RequestStatus.DONE, '', 8)]
  const { ordered, operator: alice } = operator(() => looks.shift())
  const peer = `02${'11'.repeat(32)}`
  expect(await alice.openChannel({ peer, amountSat: 100_000n, feeRateSatVb: 2 })).toBe(id(9))
  expect(ordered).toHaveLength(1)
  expect(ordered[0]).toMatchObject(['openChannel', { peer: fromHex(peer), amountSat: 100_000n, feeratePerKw: 500 }])
})

test('ask of a peer is approved or refused by its name, and no reason is longer than the peer hears', async () => {
  const { ordered, operator: hub } = operator(() => undefined)
  await hub.decideAsk({ askId: id(5), approve: true, reason: 'not said' })
  await hub.decideAsk({ askId: id(6), approve: false, reason: ' too many ' })
  expect(ordered).toMatchObject([
    ['askDecision', { ask: { data: bytes(5) }, approve: true, reason: '' }],
    ['askDecision', { ask: { data: bytes(6) }, approve: false, reason: 'too many' }],
  ])
  await expect(hub.decideAsk({ askId: id(6), approve: false, reason: 'я'.repeat(101) })).rejects.toThrow('200 bytes')
  await expect(hub.decideAsk({ askId: 'ab', approve: true })).rejects.toThrow()
  expect(ordered).toHaveLength(2)
})

test('batch is ordered once, by one fee, and answered with the channels that the ledger proves', async () => {
  const done = stored(RequestSchema, {
    arguments: { kind: { case: 'openBatch', value: {} } },
    status: RequestStatus.DONE,
    channels: [bytes(9), bytes(8)],
  })
  const { ordered, operator: alice } = operator(() => answer('requests', 'to_request', { [id(3)]: done }))
  const peers = ['11', '22'].map((byte) => `02${byte.repeat(32)}`)
  const channels = peers.map((peer) => ({ peer, amountSat: 50_000n, address: 'host:9735' }))
  expect(await alice.openBatch({ channels, feeRateSatVb: 3 })).toEqual([id(9), id(8)])
  expect(ordered).toMatchObject([['openBatch', { feeratePerKw: 750, channels: [{ peer: fromHex(peers[0]!) }, { peer: fromHex(peers[1]!) }] }]])
  await expect(alice.openBatch({ channels: [] })).rejects.toThrow(TypeError)
  await expect(alice.openBatch({ channels: [channels[0]!, channels[0]!] })).rejects.toThrow('once')
  await expect(alice.openBatch({ channels: [{ ...channels[0]!, amountSat: 0n }] })).rejects.toThrow(TypeError)
  expect(ordered).toHaveLength(1)
})

test('batch that is done with fewer channels than were ordered is not believed', async () => {
  const done = stored(RequestSchema, { status: RequestStatus.DONE, channels: [bytes(9)] })
  const { operator: alice } = operator(() => answer('requests', 'to_request', { [id(3)]: done }))
  const channels = ['11', '22'].map((byte) => ({ peer: `02${byte.repeat(32)}`, amountSat: 50_000n }))
  await expect(alice.openBatch({ channels })).rejects.toMatchObject({ name: 'ProofError' })
})

test('payment without an invoice is ordered by the hash and the nonce that the node gave', async () => {
  const paid = stored(PaymentSchema, { paymentHash: bytes(4), status: PaymentStatus.SUCCEEDED, preimage: bytes(5) })
  const { ordered, operator: alice } = operator((path) =>
    path.endsWith('/keysend/draft')
      ? { payment_hash: id(4), session_nonce: id(6) }
      : answer('payments', 'to_payment', { [id(4)]: paid }),
  )
  const payee = `02${'11'.repeat(32)}`
  expect((await alice.keysend({ payee, amountMsat: 1_000_000n })).status).toBe('succeeded')
  const order = { paymentHash: bytes(4), payee: fromHex(payee), amountMsat: 1_000_000n, maxFeeMsat: 10_000n, sessionNonce: bytes(6) }
  expect(ordered).toEqual([['payment', order]])
  await expect(alice.keysend({ payee: '02', amountMsat: 1n })).rejects.toThrow(TypeError)
  await expect(alice.keysend({ payee, amountMsat: 0n })).rejects.toThrow(TypeError)
  expect(ordered).toHaveLength(1)
})

test('offer is paid by the invoice that its maker signed for it, and by no other', async () => {
  const fields = offerFields(undefined)
  const offer = offerText(fields)
  const invoice = invoiceText(fields, 5_000n)
  const drafts: Record<string, unknown> = { invoice }
  const asked: unknown[] = []
  const paid = stored(PaymentSchema, { paymentHash: bytes(5), status: PaymentStatus.SUCCEEDED })
  const { ordered, operator: alice } = operator((path, body) => {
    if (!path.endsWith('/payments/offer/draft')) return answer('payments', 'to_payment', { [id(5)]: paid })
    asked.push(JSON.parse(body))
    return drafts
  })
  expect((await alice.payOffer({ offer, amountMsat: 5_000n })).status).toBe('succeeded')
  const order = { paymentHash: bytes(5), payee: makerId, amountMsat: 5_000n, maxFeeMsat: 5_000n, invoice }
  expect(ordered).toMatchObject([['payment', order]])
  expect(asked).toEqual([{ offer, amount_msat: '5000' }])
  // The node may bring what it likes: only the maker's word on this very order is signed.
  for (const text of [invoiceText(fields, 5_001n), invoiceText(offerFields(undefined, 'coffee'), 5_000n), invoiceText(fields, 5_000n, bytes(5), bytes(12)), '', undefined]) {
    drafts.invoice = text
    await expect(alice.payOffer({ offer, amountMsat: 5_000n })).rejects.toThrow()
  }
  await expect(alice.payOffer({ offer })).rejects.toThrow('amount')
  expect(ordered).toHaveLength(1)
})

test('held invoice is settled by the node’s preimage or by the one given, and never by another', async () => {
  // SHA-256 of 32 zero bytes.
  const paymentHash = '66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925'
  const { ordered, operator: alice } = operator(() => ({ preimage: id(0) }))
  await alice.settleInvoice({ paymentHash })
  await alice.settleInvoice({ paymentHash, preimage: id(0) })
  const step = { case: 'settled', value: { preimage: bytes(0) } }
  expect(ordered).toEqual([
    ['invoice', { paymentHash: fromHex(paymentHash), step }],
    ['invoice', { paymentHash: fromHex(paymentHash), step }],
  ])
  await expect(alice.settleInvoice({ paymentHash, preimage: id(1) })).rejects.toThrow(OrderError)
  await expect(alice.settleInvoice({ paymentHash: id(1) })).rejects.toThrow(OrderError)
  expect(ordered).toHaveLength(2)
})

test('order that failed is an error with the ledger’s reason', async () => {
  const { operator: alice } = operator(() => order(RequestStatus.FAILED, 'the peer refused'))
  await expect(alice.closeChannel({ channelId: id(9) })).rejects.toEqual(new OrderError('the peer refused'))
})

test('order whose outcome does not come is told apart from one that failed', async () => {
  const { operator: alice } = operator(() => order(RequestStatus.PENDING), 100)
  await expect(alice.closeChannel({ channelId: id(9) })).rejects.toThrow('may still come')
})

test('order that makes no sense is not given', async () => {
  const { ordered, operator: alice } = operator(() => undefined)
  await expect(alice.openChannel({ peer: '02', amountSat: 1n })).rejects.toThrow(TypeError)
  await expect(alice.openChannel({ peer: `02${'11'.repeat(32)}`, amountSat: 0n })).rejects.toThrow(TypeError)
  await expect(alice.closeChannel({ channelId: 'x' })).rejects.toThrow()
  await expect(alice.closeChannel({ channelId: id(9), feeRateSatVb: Number.NaN })).rejects.toThrow(TypeError)
  await expect(alice.pay({ invoice: 'lnbc1' })).rejects.toThrow()
  await expect(alice.pay({ invoice: INVOICE })).rejects.toThrow('expired')
  expect(ordered).toEqual([])
})

test('invoice that the node made otherwise than ordered is not put into the ledger', async () => {
  const draft = { invoice: INVOICE, payment_hash: id(1), nonce: id(2), created_at: 1, expiry_seconds: 60 }
  const { ordered, operator: alice } = operator((path) =>
    path.endsWith('/draft')
      ? draft
      : { ...answer('config', 'to_config', {}), value: '' },
  )
  await expect(alice.createInvoice({ amountMsat: 1n, description: 'tea' })).rejects.toMatchObject({ name: 'ProofError' })
  expect(ordered).toEqual([])
})

test('payment record of the ledger keeps amounts above 2^53', async () => {
  const paid = stored(PaymentSchema, {
    paymentHash: bytes(1),
    amountMsat: 18_446_744_073_709_551_615n,
    status: PaymentStatus.SUCCEEDED,
  })
  const send = () => Promise.resolve(new Response(JSON.stringify(answer('payments', 'to_payment', { [id(1)]: paid }))))
  const client = new LightClient({ url: 'http://node', validatorKey: validator.publicKey, fetch: send as typeof fetch })
  expect((await client.payment(id(1))).value?.amountMsat).toBe(18_446_744_073_709_551_615n)
})

test('command is signed with the operator’s key over exactly what was ordered', async () => {
  let body = ''
  const send = (_: unknown, init?: RequestInit) => {
    body = (JSON.parse(String(init?.body)) as { tx_body: string }).tx_body
    return Promise.resolve(new Response('{"tx_hash":""}'))
  }
  const client = new LightClient({ url: 'http://node', validatorKey: validator.publicKey, fetch: send as typeof fetch })
  const argument = { channelId: bytes(9), force: true, nonce: bytes(2) }
  await expect(client.command('closeChannel', argument, keys)).rejects.toMatchObject({ code: 'other_question' })
  const { payload, author } = fromBinary(SignedMessageSchema, fromHex(body))
  expect(author?.data).toEqual(fromHex(keys.publicKey))
  const { kind } = fromBinary(CoreMessageSchema, payload)
  if (kind.case !== 'anyTx') throw new Error('no transaction')
  expect(kind.value.callInfo?.methodId).toBe(METHODS.closeChannel.id)
  expect(fromBinary(METHODS.closeChannel.schema, kind.value.arguments)).toMatchObject(argument)
})
