/** Ledger transactions that the operator signs. */

import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf'
import exonum, { type MessageCodec } from 'exonum-client'

import { CoreMessageSchema } from './gen/exonum/messages_pb.js'
import {
  AskChannelRequestSchema,
  CloseChannelRequestSchema,
  OpenBatchRequestSchema,
  OpenChannelRequestSchema,
} from './gen/lightning_records_pb.js'
import {
  AskDecisionSchema,
  ChannelPolicyChangeSchema,
  InvoiceStepSchema,
  PaymentOrderSchema,
  PolicyChangeSchema,
} from './gen/lightning_transactions_pb.js'
import { toHex } from './hex.js'

/** The service's number in the ledger. */
export const INSTANCE_ID = 100

/** What the operator may command: name, number and argument of each method. */
export const METHODS = {
  invoice: { id: 10, schema: InvoiceStepSchema },
  payment: { id: 11, schema: PaymentOrderSchema },
  policy: { id: 13, schema: PolicyChangeSchema },
  openChannel: { id: 14, schema: OpenChannelRequestSchema },
  closeChannel: { id: 15, schema: CloseChannelRequestSchema },
  channelPolicy: { id: 17, schema: ChannelPolicyChangeSchema },
  openBatch: { id: 18, schema: OpenBatchRequestSchema },
  askChannel: { id: 20, schema: AskChannelRequestSchema },
  askDecision: { id: 22, schema: AskDecisionSchema },
} as const satisfies Record<string, { id: number; schema: DescMessage }>

export type Method = keyof typeof METHODS
export type Argument<M extends Method> = MessageInitShape<(typeof METHODS)[M]['schema']>

/** The operator's key pair, hex. The secret key is the seed and the public key together, 64 bytes. */
export interface KeyPair {
  publicKey: string
  secretKey: string
}

export interface SignedTransaction {
  hash: string
  /** What POST /transactions takes. */
  body: string
}

/** A key pair from its 32-byte seed. */
export function keyPair(seed: Uint8Array): KeyPair {
  return exonum.fromSeed(seed)
}

/** Encodes and signs a command. u64 amounts are bigint all the way. */
export function sign<M extends Method>(method: M, argument: Argument<M>, keys: KeyPair): SignedTransaction {
  const { id, schema } = METHODS[method]
  const message = create(CoreMessageSchema, {
    kind: {
      case: 'anyTx',
      value: { callInfo: { instanceId: INSTANCE_ID, methodId: id }, arguments: encode(schema, argument) },
    },
  })
  const signed = exonum.Verified.sign(BYTES, toBinary(CoreMessageSchema, message), keys)
  return { hash: signed.hash(), body: toHex(signed.serialize()) }
}

/** 32 random bytes: makes two equal orders two transactions. */
export function nonce(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(32))
}

const BYTES: MessageCodec<Uint8Array> = {
  encode: (bytes) => ({ finish: () => bytes }),
  decode: (bytes) => bytes,
}

function encode(schema: DescMessage, argument: object): Uint8Array {
  return toBinary(schema, create(schema, argument as MessageInitShape<DescMessage>))
}
