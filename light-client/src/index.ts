/**
 * Zarnitsa's light client: reads a node's ledger and believes nothing that is not proved, and commands the node by
 * transactions that the operator's key signs.
 *
 * @packageDocumentation
 */

export { verifyBlock, type ProvedBlock } from './block.js'
export { LightClient, MAX_HISTORY } from './client.js'
export type { Committed, HistoryPage, Items, LightClientOptions, Proved } from './client.js'
export { NodeError, ProofError, RefusedError, type ProofErrorCode } from './errors.js'
export { follow } from './events.js'
export type { EventOptions, EventStream, LedgerEvent } from './events.js'
export type { SeenHead } from './head.js'
export { fromHex, isHex, toHex } from './hex.js'
export { callSucceeded, listEntries, mapEntries, mapEntry, soleEntry, tableRoot, verifyLocation } from './proofs.js'
export type { ListEntries, MapEntries } from './proofs.js'
export { readChannel, readHistoryEntry, readInvoice, readPayment, readPolicy } from './records.js'
export type { Channel, HistoryEntry, Invoice, Payment, Policy } from './records.js'
export { INSTANCE_ID, METHODS, keyPair, nonce, sign } from './transactions.js'
export type { Argument, KeyPair, Method, SignedTransaction } from './transactions.js'
export { Transport, type TransportOptions } from './transport.js'
