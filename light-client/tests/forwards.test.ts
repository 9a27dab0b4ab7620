import { create, toBinary } from '@bufbuild/protobuf'
import exonum from 'exonum-client'
import { expect, test } from 'vitest'

import { ForwardSchema, PaymentStatus } from '../src/gen/lightning_records_pb.js'
import { fromHex, LightClient, toHex } from '../src/index.js'
import { blockProof, validator } from './made.js'
import { bytes, id } from './vectors.js'

/** As the ledger names an HTLC in: of the channel's id, 2 for offered to it, the number 5 with its bits in reverse. */
const KEY = `${id(1).slice(18)}02${'00'.repeat(7)}a0`
const NAME = { serialize: (name: string) => new TextEncoder().encode(name) }
const HEX = { serialize: (text: string) => fromHex(text) }

function answer(outgoingMsat: bigint) {
  const value = toHex(
    toBinary(
      ForwardSchema,
      create(ForwardSchema, {
        incoming: { channelId: bytes(1) },
        outgoing: { channelId: bytes(2) },
        paymentHash: bytes(3),
        incomingMsat: 9_007_199_254_741_993n,
        outgoingMsat,
        status: PaymentStatus.SUCCEEDED,
      }),
    ),
  )
  const toForward = { entries: [{ key: KEY, value }], proof: [] }
  const { merkleRoot: root } = new exonum.MapProof(toForward, exonum.MapProof.rawKey(HEX), HEX)
  const toTable = { entries: [{ key: 'lightning.forwards', value: root }], proof: [] }
  const { merkleRoot: stateHash } = new exonum.MapProof(toTable, NAME, exonum.Hash)
  return { block_proof: blockProof(stateHash), to_table: toTable, to_forward: toForward }
}

function client(body: unknown): LightClient {
  const send = () => Promise.resolve(new Response(JSON.stringify(body)))
  return new LightClient({ url: 'http://node', validatorKey: validator.publicKey, fetch: send as typeof fetch })
}

test('forward is read with its fee, the difference of what came in and went out', async () => {
  const { value } = await client(answer(9_007_199_254_740_993n)).forwards()
  expect(value.complete).toBe(true)
  expect(value.items).toMatchObject([
    { incomingChannelId: id(1), outgoingChannelId: id(2), paymentHash: id(3), feeMsat: 1_000n, status: 'succeeded' },
  ])
})

test('forward that was changed, or put under another key, is refused', async () => {
  const sound = answer(5n)
  const other = answer(6n)
  await expect(client({ ...sound, to_forward: other.to_forward }).forwards()).rejects.toMatchObject({ code: 'mismatch' })
  const [entry] = sound.to_forward.entries
  const moved = { entries: [{ ...entry!, key: KEY.replace('02', '01') }], proof: [] }
  await expect(client({ ...sound, to_forward: moved }).forwards()).rejects.toMatchObject({ code: 'mismatch' })
})
