/** Transactions of the ledger, whoever signed them: which method, and what it says. */

import { fromBinary, type DescMessage } from '@bufbuild/protobuf'

import { describe, type Described } from './describe.js'
import { ProofError } from './errors.js'
import {
  AskDecisionSchema,
  AskStepSchema,
  BatchSignedSchema,
  ChainStepSchema,
  ChannelPolicyChangeSchema,
  ClosingSchema,
  CommitmentSchema,
  FeeUpdateSchema,
  HtlcAddSchema,
  HtlcResolveSchema,
  InvoiceStepSchema,
  OpenAskedSchema,
  OpeningSchema,
  PaymentOrderSchema,
  PaymentResultSchema,
  PolicyChangeSchema,
  ReadySchema,
  ReestablishSchema,
  RequestResultSchema,
  RevocationSchema,
  StepsSchema,
} from './gen/lightning_transactions_pb.js'
import {
  AskChannelRequestSchema,
  CloseChannelRequestSchema,
  OpenBatchRequestSchema,
  OpenChannelRequestSchema,
} from './gen/lightning_records_pb.js'
import { readSigned } from './signed.js'
import { INSTANCE_ID } from './transactions.js'

/** Name and argument of every method of the service, by number. */
export const SERVICE_METHODS: readonly (readonly [name: string, schema: DescMessage])[] = [
  ['opening', OpeningSchema],
  ['commitment', CommitmentSchema],
  ['revocation', RevocationSchema],
  ['htlc_add', HtlcAddSchema],
  ['htlc_resolve', HtlcResolveSchema],
  ['fee_update', FeeUpdateSchema],
  ['ready', ReadySchema],
  ['reestablish', ReestablishSchema],
  ['closing', ClosingSchema],
  ['chain_event', ChainStepSchema],
  ['invoice', InvoiceStepSchema],
  ['payment', PaymentOrderSchema],
  ['payment_result', PaymentResultSchema],
  ['policy', PolicyChangeSchema],
  ['open_channel', OpenChannelRequestSchema],
  ['close_channel', CloseChannelRequestSchema],
  ['request_result', RequestResultSchema],
  ['channel_policy', ChannelPolicyChangeSchema],
  ['open_batch', OpenBatchRequestSchema],
  ['batch_signed', BatchSignedSchema],
  ['ask_channel', AskChannelRequestSchema],
  ['ask_step', AskStepSchema],
  ['ask_decision', AskDecisionSchema],
  ['open_asked', OpenAskedSchema],
  ['steps', StepsSchema],
]

/** What a transaction says. */
export interface LedgerTransaction {
  hash: string
  /** The key that signed it. */
  author: string
  /** `method 17` where this light client is older than the node. */
  method: string
  /** The argument's fields; none where the method is not known. */
  argument: Described[]
}

/** Reads a signed transaction and checks its signature. */
export function readLedgerTransaction(message: string): LedgerTransaction {
  const { author, hash, kind } = readSigned(message, 'transaction')
  if (kind.case !== 'anyTx') throw new ProofError('malformed', 'the signed message is no transaction')
  const { callInfo, arguments: bytes } = kind.value
  const [name, schema] = (callInfo?.instanceId === INSTANCE_ID && SERVICE_METHODS[callInfo.methodId]) || []
  if (!name || !schema) return { hash, author, method: `method ${callInfo?.methodId ?? '?'}`, argument: [] }
  try {
    return { hash, author, method: name, argument: describe(schema, fromBinary(schema, bytes)) }
  } catch (cause) {
    throw new ProofError('malformed', `the argument of ${name} does not parse`, { cause })
  }
}
