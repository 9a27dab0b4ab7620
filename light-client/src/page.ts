/**
 * What a page needs beside the light client in its worker: small, and without the checking of proofs.
 *
 * @packageDocumentation
 */

export { decodeInvoice, descriptionOf, InvoiceError, type Bolt11, type Network } from './bolt11.js'
export { decodeOffer, type Bolt12Offer } from './bolt12.js'
export { NodeError } from './errors.js'
export { follow } from './events.js'
export type { EventOptions, EventStream, LedgerEvent } from './events.js'
export { fromHex, isHex, toHex } from './hex.js'
export { MAX_BLOCKS, MAX_HISTORY } from './limits.js'
export { readPayTarget, type NoTarget, type PayTarget } from './pay-target.js'
export { Pin, type PinStore, type PinVerdict } from './pin.js'
export { Transport, type TransportOptions } from './transport.js'
