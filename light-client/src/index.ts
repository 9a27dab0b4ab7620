/**
 * Zarnitsa's light client: reads a node's ledger and believes nothing that is not proved, and commands the node by
 * transactions that the operator's key signs.
 *
 * @packageDocumentation
 */

export { verifyBlock, type ProvedBlock } from './block.js'
export { readAsk, type Ask } from './ask.js'
export { decodeInvoice, descriptionOf, InvoiceError, type Bolt11, type Network } from './bolt11.js'
export { decodeBolt12Invoice, decodeOffer, invoiceForOffer, type Bolt12Invoice, type Bolt12Offer } from './bolt12.js'
export { LightClient } from './client.js'
export type { HistoryPage, Items, LightClientOptions, Proved } from './client.js'
export { describe, type Described } from './describe.js'
export { NodeError, ProofError, RefusedError, type ProofErrorCode } from './errors.js'
export { follow } from './events.js'
export type { EventOptions, EventStream, LedgerEvent } from './events.js'
export type { BlockContent, Committed, ProvedTransaction } from './explorer.js'
export type { SeenHead } from './head.js'
export { fromHex, isHex, toHex } from './hex.js'
export { MAX_BLOCKS, MAX_HISTORY } from './limits.js'
export { readLedgerTransaction, SERVICE_METHODS, type LedgerTransaction } from './ledger-transaction.js'
export { Operator, OrderError } from './operator.js'
export type { AskChannel, ChannelFees, CloseChannel, DecideAsk, Keysend, NewInvoice, OpenBatch, OpenChannel, Pay, PayOffer, SettleInvoice } from './orders.js'
export { readPayTarget, type NoTarget, type PayTarget } from './pay-target.js'
export { Pin, type PinStore, type PinVerdict } from './pin.js'
export { callSucceeded, listEntries, mapEntries, mapEntry, soleEntry, tableRoot, verifyLocation } from './proofs.js'
export type { ListEntries, MapEntries } from './proofs.js'
export { makeReceipt, verifyReceipt, type Receipt, type VerifiedReceipt } from './receipt.js'
export { readChannel, readConfig, readForward, readHistoryEntry, readInvoice, readOrder, readPayment, readPolicy } from './records.js'
export type { Channel, Config, Forward, HistoryEntry, Invoice, Order, Payment, Policy } from './records.js'
export { INSTANCE_ID, METHODS, keyPair, nonce, sign } from './transactions.js'
export type { Argument, KeyPair, Method, SignedTransaction } from './transactions.js'
export { Transport, type TransportOptions } from './transport.js'
