/** What the ledger stores, as programs want it: amounts bigint, ids as people write them. */

import { fromBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf'

import { ProofError } from './errors.js'
import {
  Actor,
  ChannelRecordSchema,
  CommitmentFormat,
  ConfigSchema,
  ForwardSchema,
  HistoryEntrySchema,
  HistoryKind,
  InvoiceSchema,
  InvoiceStatus,
  PaymentSchema,
  PaymentStatus,
  PolicySchema,
  RequestSchema,
  RequestStatus,
  Side,
  type Policy,
} from './gen/lightning_records_pb.js'
import { toHex, toTxid } from './hex.js'

export interface Channel {
  channelId: string
  /** Node id of the peer. */
  peer: string
  state: string
  opener: 'local' | 'remote'
  format: 'static_remote_key' | 'anchors'
  announced: boolean
  capacitySat: bigint
  /** Settled balances; what is in HTLCs belongs to neither. */
  localMsat: bigint
  remoteMsat: bigint
  /** In HTLCs that this node offers, and that it is offered. */
  offeredMsat: bigint
  receivedMsat: bigint
  commitmentNumber: bigint
  peerCommitmentNumber: bigint
  openingTxid: string
  openingOutput: number
  /** `783244x1284x0`, once the opening transaction is confirmed. */
  shortChannelId: string | undefined
  closingTxid: string | undefined
  openedHeight: bigint
  updatedHeight: bigint
  historyHash: string
  historyLength: bigint
}

export interface HistoryEntry {
  kind: string
  by: string
  state: string
  commitmentNumber: bigint
  peerCommitmentNumber: bigint
  localMsat: bigint
  remoteMsat: bigint
  /** Of the HTLC that the step is about, else 0. */
  amountMsat: bigint
  htlcId: bigint
  /** Of the Bitcoin transaction that the step is about, if it is about one. */
  txid: string | undefined
  /** Why, where the step has a reason. */
  note: string
  /** The ledger transaction that was the step. */
  txHash: string
  height: bigint
}

export interface Invoice {
  paymentHash: string
  /** Undefined where the payer chooses. */
  amountMsat: bigint | undefined
  description: string
  createdAt: Date
  expiresAt: Date
  invoice: string
  status: string
  receivedMsat: bigint
  preimage: string | undefined
  /** It is settled or cancelled by the operator, not claimed at once. */
  hold: boolean
  /** Nobody asked for it: it was sent without an invoice. */
  keysend: boolean
  createdHeight: bigint
  updatedHeight: bigint
}

export interface Payment {
  paymentHash: string
  payee: string
  amountMsat: bigint
  feeMsat: bigint
  invoice: string
  status: string
  /** The proof of payment. */
  preimage: string | undefined
  failure: string | undefined
  maxFeeMsat: bigint
  /** How many times it was ordered. */
  attempt: number
  createdHeight: bigint
  updatedHeight: bigint
}

/** A payment that passed through this node. */
export interface Forward {
  paymentHash: string
  incomingChannelId: string
  outgoingChannelId: string
  incomingMsat: bigint
  outgoingMsat: bigint
  /** The difference; earned once it has succeeded. */
  feeMsat: bigint
  status: string
  failure: string | undefined
  createdHeight: bigint
  updatedHeight: bigint
}

/** An order of the operator to open or close channels, and what became of it. */
export interface Order {
  kind: 'open_channel' | 'close_channel' | 'open_batch' | 'ask_channel'
  status: string
  /** Undefined until it is known. */
  channelId: string | undefined
  /** Those that a batch opens, as far as they are known. */
  channels: string[]
  /** Of an order to ask for a channel: whom, and for how much. */
  ask: { hub: string; amountSat: bigint } | undefined
  /** Why it failed. */
  reason: string
}

/** Whose ledger it is. */
export interface Config {
  /** May command. */
  operatorKey: string
  /** May report what peers and the chain do. */
  nodeKey: string
  nodeId: string
  network: string
}

export type { Policy }

export function readChannel(bytes: Uint8Array): Channel {
  const record = decode(ChannelRecordSchema, bytes, 'channel')
  return {
    channelId: toHex(record.channelId),
    peer: toHex(record.peer),
    state: record.state,
    opener: record.opener === Side.HOLDER ? 'local' : 'remote',
    format: record.format === CommitmentFormat.ANCHORS ? 'anchors' : 'static_remote_key',
    announced: record.announced,
    capacitySat: record.capacitySat,
    localMsat: record.localMsat,
    remoteMsat: record.remoteMsat,
    offeredMsat: record.offeredMsat,
    receivedMsat: record.receivedMsat,
    commitmentNumber: record.commitmentNumber,
    peerCommitmentNumber: record.counterpartyCommitmentNumber,
    openingTxid: toTxid(record.funding?.txid ?? new Uint8Array()),
    openingOutput: record.funding?.vout ?? 0,
    shortChannelId: record.shortChannelId === 0n ? undefined : shortChannelId(record.shortChannelId),
    closingTxid: record.closingTxid.length === 0 ? undefined : toTxid(record.closingTxid),
    openedHeight: record.openedHeight,
    updatedHeight: record.updatedHeight,
    historyHash: toHex(record.historyHash?.data ?? new Uint8Array()),
    historyLength: record.historyLen,
  }
}

export function readHistoryEntry(bytes: Uint8Array): HistoryEntry {
  const entry = decode(HistoryEntrySchema, bytes, 'history entry')
  return {
    kind: word(HistoryKind, entry.kind),
    by: word(Actor, entry.by),
    state: entry.state,
    commitmentNumber: entry.commitmentNumber,
    peerCommitmentNumber: entry.counterpartyCommitmentNumber,
    localMsat: entry.localMsat,
    remoteMsat: entry.remoteMsat,
    amountMsat: entry.amountMsat,
    htlcId: entry.htlcId,
    txid: entry.txid.length === 0 ? undefined : toTxid(entry.txid),
    note: entry.note,
    txHash: toHex(entry.txHash?.data ?? new Uint8Array()),
    height: entry.height,
  }
}

export function readInvoice(bytes: Uint8Array): Invoice {
  const invoice = decode(InvoiceSchema, bytes, 'invoice')
  const created = Number(invoice.createdAt) * 1000
  return {
    paymentHash: toHex(invoice.paymentHash),
    amountMsat: invoice.amountMsat === 0n ? undefined : invoice.amountMsat,
    description: invoice.description,
    createdAt: new Date(created),
    expiresAt: new Date(created + invoice.expirySeconds * 1000),
    invoice: invoice.invoice,
    status: word(InvoiceStatus, invoice.status),
    receivedMsat: invoice.receivedMsat,
    preimage: invoice.preimage.length === 0 ? undefined : toHex(invoice.preimage),
    hold: invoice.hold,
    keysend: invoice.keysend,
    createdHeight: invoice.createdHeight,
    updatedHeight: invoice.updatedHeight,
  }
}

export function readPayment(bytes: Uint8Array): Payment {
  const payment = decode(PaymentSchema, bytes, 'payment')
  return {
    paymentHash: toHex(payment.paymentHash),
    payee: toHex(payment.payee),
    amountMsat: payment.amountMsat,
    feeMsat: payment.feeMsat,
    invoice: payment.invoice,
    status: word(PaymentStatus, payment.status),
    preimage: payment.preimage.length === 0 ? undefined : toHex(payment.preimage),
    failure: payment.status === PaymentStatus.FAILED ? (payment.failure?.reason ?? '') : undefined,
    maxFeeMsat: payment.maxFeeMsat,
    attempt: payment.attempt,
    createdHeight: payment.createdHeight,
    updatedHeight: payment.updatedHeight,
  }
}

export function readPolicy(bytes: Uint8Array): Policy {
  return decode(PolicySchema, bytes, 'policy')
}

export function readForward(bytes: Uint8Array): Forward {
  const forward = decode(ForwardSchema, bytes, 'forward')
  return {
    paymentHash: toHex(forward.paymentHash),
    incomingChannelId: toHex(forward.incoming?.channelId ?? new Uint8Array()),
    outgoingChannelId: toHex(forward.outgoing?.channelId ?? new Uint8Array()),
    incomingMsat: forward.incomingMsat,
    outgoingMsat: forward.outgoingMsat,
    feeMsat: forward.incomingMsat - forward.outgoingMsat,
    status: word(PaymentStatus, forward.status),
    failure: forward.status === PaymentStatus.FAILED ? (forward.failure?.reason ?? '') : undefined,
    createdHeight: forward.createdHeight,
    updatedHeight: forward.updatedHeight,
  }
}

const ORDER_KINDS = { openChannel: 'open_channel', closeChannel: 'close_channel', openBatch: 'open_batch', askChannel: 'ask_channel' } as const

export function readOrder(bytes: Uint8Array): Order {
  const { arguments: order, status, channelId, channels, reason } = decode(RequestSchema, bytes, 'order')
  const closes = order?.kind.case === 'closeChannel' ? order.kind.value.channelId : new Uint8Array()
  const asks = order?.kind.case === 'askChannel' ? order.kind.value : undefined
  const channel = channelId.length === 0 ? closes : channelId
  return {
    kind: ORDER_KINDS[order?.kind.case ?? 'openChannel'],
    status: word(RequestStatus, status),
    channelId: channel.length === 0 ? undefined : toHex(channel),
    channels: channels.map(toHex),
    ask: asks && { hub: toHex(asks.hub), amountSat: asks.amountSat },
    reason,
  }
}

export function readConfig(bytes: Uint8Array): Config {
  const config = decode(ConfigSchema, bytes, 'config')
  return {
    operatorKey: toHex(config.operatorKey?.data ?? new Uint8Array()),
    nodeKey: toHex(config.nodeKey?.data ?? new Uint8Array()),
    nodeId: toHex(config.nodeId),
    network: config.network,
  }
}

export function decode<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array, what: string): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes)
  } catch (cause) {
    throw new ProofError('malformed', `the stored ${what} does not parse`, { cause })
  }
}

/** BOLT 7: block height, transaction index, output index. */
function shortChannelId(id: bigint): string {
  return `${id >> 40n}x${(id >> 16n) & 0xffffffn}x${id & 0xffffn}`
}

/** An enum's member as the interface writes it. */
export function word(members: Record<number, string>, value: number): string {
  const name = members[value]
  if (name === undefined) throw new ProofError('malformed', `${value} is no known value`)
  return name.toLowerCase()
}
