import { expect, test } from 'vitest'

import { fromHex, keyPair, METHODS, sign, type Argument, type Method } from '../src/index.js'
import { AcceptFrom } from '../src/gen/lightning_records_pb.js'
import { bytes, vectors } from './vectors.js'

const PEER = fromHex('02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619')
const NODE = fromHex('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798')
const operator = keyPair(bytes(1))

const created: Argument<'invoice'>['step'] = {
  case: 'created',
  value: {
    nonce: bytes(8),
    amountMsat: 9_007_199_254_740_993n,
    description: 'зарница',
    createdAt: 1_800_000_000n,
    expirySeconds: 3600,
  },
}

/** What `policy::hub()` of the service says. */
const hub: Argument<'policy'>['policy'] = {
  acceptFrom: AcceptFrom.ANYONE,
  minChannelSat: 20_000n,
  maxChannelSat: 16_777_215n,
  maxChannels: 1000,
  maxChannelsPerPeer: 10,
  minimumDepth: 3,
  toSelfDelay: 144,
  htlcMinimumMsat: 1n,
  maxAcceptedHtlcs: 483,
  maxInFlightPercent: 100,
  maxToSelfDelay: 2016,
  minFeeratePerKw: 253,
  maxFeeratePerKw: 250_000,
  maxDustExposureMsat: 50_000_000n,
  baseFeeMsat: 1000n,
  feePpm: 100,
  cltvDelta: 80,
  maxDustLimitSat: 1000n,
  maxReservePercent: 10,
  minInFlightMsat: 1_000_000n,
  maxHtlcMinimumMsat: 1_000_000n,
  minAcceptedHtlcs: 5,
  maxMinimumDepth: 144,
  minClosingFeeratePerKw: 253,
  forward: true,
  acceptKeysend: true,
  asks: {
    from: AcceptFrom.ANYONE,
    approve: true,
    minSat: 20_000n,
    maxSat: 2_000_000n,
    maxOpen: 200,
    waitSeconds: 600,
    maxBatch: 20,
    expirySeconds: 86_400,
  },
}

function command<M extends Method>(name: string, method: M, argument: Argument<M>) {
  return [name, () => sign(method, argument, operator)] as const
}

test.each([
  command('invoice', 'invoice', { paymentHash: bytes(7), step: created }),
  command('invoice_other', 'invoice', { paymentHash: bytes(9), step: created }),
  command('invoice_cancel', 'invoice', {
    paymentHash: bytes(9),
    step: { case: 'cancelled', value: { nonce: bytes(3) } },
  }),
  command('payment', 'payment', {
    paymentHash: bytes(5),
    payee: PEER,
    amountMsat: 1500n,
    sessionNonce: bytes(6),
  }),
  command('policy', 'policy', { policy: hub, nonce: bytes(4) }),
  command('open_channel', 'openChannel', {
    peer: PEER,
    address: '127.0.0.1:9735',
    amountSat: 100_000n,
    announce: true,
    nonce: bytes(2),
  }),
  command('invoice_hold', 'invoice', {
    paymentHash: bytes(7),
    step: {
      case: 'created',
      value: { nonce: bytes(8), amountMsat: 1n, createdAt: 1_800_000_000n, expirySeconds: 3600, invoice: 'lnbcrt1', hold: true },
    },
  }),
  command('invoice_settle', 'invoice', { paymentHash: bytes(7), step: { case: 'settled', value: { preimage: bytes(5) } } }),
  command('open_batch', 'openBatch', {
    channels: [
      { peer: PEER, amountSat: 100_000n, pushMsat: 1n, announce: true, nonce: bytes(2) },
      { peer: NODE, amountSat: 100_000n, pushMsat: 1n, nonce: bytes(2) },
    ],
    feeratePerKw: 500,
    nonce: bytes(3),
  }),
  command('channel_policy', 'channelPolicy', {
    channelId: bytes(1),
    policy: { channelId: bytes(1), feePpm: 7, cltvDelta: 40 },
    nonce: bytes(4),
  }),
  command('ask_channel', 'askChannel', { hub: PEER, address: '127.0.0.1:9735', amountSat: 500_000n, nonce: bytes(5) }),
  command('ask_approve', 'askDecision', { ask: { data: bytes(6) }, approve: true, nonce: bytes(7) }),
  command('ask_refuse', 'askDecision', { ask: { data: bytes(6) }, reason: 'денег нет', nonce: bytes(7) }),
  command('close_channel', 'closeChannel', { channelId: bytes(1), feeratePerKw: 253, nonce: bytes(2) }),
])('%s is signed byte for byte as the node signs it', (name, make) => {
  expect(make()).toEqual(vectors().transactions[name])
})

test('every command of the operator’s is among those that the node signed', () => {
  const names = Object.keys(vectors().transactions)
  const named = (method: string) => names.some((name) => name.startsWith(method.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)))
  expect(Object.keys(METHODS).filter((method) => method !== 'askDecision' && !named(method))).toEqual([])
  expect(names).toEqual(expect.arrayContaining(['ask_approve', 'ask_refuse']))
})

test('key pair of a seed is the one that the node derives', () => {
  expect(operator.publicKey).toBe(vectors().operator_key)
})
