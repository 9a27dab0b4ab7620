/** BOLT 12: offers, and the invoices that are given for them, read here so that nobody has to believe a node's word on either. */

import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'

import { readWords } from './bech32.js'
import { InvoiceError, type Network } from './bolt11.js'
import { toHex } from './hex.js'
import { ascii, signedRoot, taggedHash } from './signed-root.js'
import { readRecords, type Records } from './tlv.js'

/** What an offer says. */
export interface Bolt12Offer {
  /** All networks on which it can be paid. */
  networks: Network[]
  /** Undefined where the payer chooses. */
  amountMsat: bigint | undefined
  description: string
  issuer: string
  /** Undefined: for ever. */
  expiresAt: Date | undefined
  /** The key that signs its invoices; undefined where a blinded path's does. */
  issuerId: string | undefined
  /** Its amount is in another currency. */
  inCurrency: boolean
  /** Whoever asks for an invoice must say for how many of a kind. */
  forSeveral: boolean
}

/** What an invoice for an offer says, and who signed it. */
export interface Bolt12Invoice {
  amountMsat: bigint
  paymentHash: string
  payee: string
  description: string
  createdAt: Date
  expiresAt: Date
}

/** Numbers of the fields (BOLT 12), by their names there. */
const OFFER = { chains: 2, metadata: 4, currency: 6, amount: 8, description: 10, features: 12, expiry: 14, paths: 16, issuer: 18, quantity: 20, issuerId: 22 }
const INVOICE = { created: 164, expiry: 166, paymentHash: 168, amount: 170, features: 174, nodeId: 176, signature: 240 }
/** What stands in an offer, and what an invoice repeats of it. */
const OF_OFFER = (type: bigint) => (type >= 1n && type <= 79n) || (type >= 1_000_000_000n && type <= 1_999_999_999n)
const KNOWN = new Set(Object.values(OFFER).map(BigInt))
/** Features that an invoice for an offer may demand: several parts. */
const KNOWN_FEATURES = new Set([16])
const USUAL_EXPIRY = 7_200
const MAX_MSAT = 2_100_000_000_000_000_000n
/** Hashes of the networks' first blocks, as they stand in messages. */
const CHAINS: Record<string, Network> = {
  '6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000': 'bitcoin',
  '43497fd7f826957108f4a30fd9cec3aeba79972084e90ead01ea330900000000': 'testnet',
  // The fourth testnet, which looks as the third does wherever else it is named.
  '43f08bdab050e35b567c864b91f47f50ae725ae2de53bcfbbaf284da00000000': 'testnet',
  f61eee3b63a380a477a063af32b2bbc97c9ff9f01f2c4225e973988108000000: 'signet',
  '06226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f': 'regtest',
}

/** Reads an offer. Errors: {@link InvoiceError}. */
export function decodeOffer(text: string): Bolt12Offer {
  const fields = read(text, 'lno', 'offer')
  const unknown = fields.types.find((type) => !OF_OFFER(type) || (type % 2n === 0n && !KNOWN.has(type)))
  if (unknown !== undefined) throw new InvoiceError(`the offer demands field ${unknown}, which is not known`)
  checkFeatures(fields.get(OFFER.features), new Set())
  const currency = fields.get(OFFER.currency)
  const amount = fields.number(OFFER.amount)
  if (amount === 0n || (amount !== undefined && amount > MAX_MSAT)) throw new InvoiceError('the offer’s amount is none')
  if (currency && amount === undefined) throw new InvoiceError('the offer names a currency and no amount')
  words(currency)
  const description = fields.get(OFFER.description)
  if (amount !== undefined && !description) throw new InvoiceError('the offer does not say what it is for')
  const issuerId = fields.get(OFFER.issuerId)
  const paths = fields.get(OFFER.paths)
  if (issuerId && !isKey(issuerId)) throw new InvoiceError('the offer’s issuer is no key')
  const ends = paths ? lastNodes(paths) : []
  if (!issuerId && ends.length === 0) throw new InvoiceError('the offer does not say how its maker is reached')
  const expiry = fields.number(OFFER.expiry)
  return {
    networks: chains(fields.get(OFFER.chains)),
    amountMsat: currency ? undefined : amount,
    description: words(description),
    issuer: words(fields.get(OFFER.issuer)),
    expiresAt: expiry === undefined ? undefined : moment(expiry),
    issuerId: issuerId && toHex(issuerId),
    inCurrency: currency !== undefined,
    forSeveral: fields.get(OFFER.quantity) !== undefined,
  }
}

/** Reads an invoice for an offer (`lni1...`) and checks its signature. Errors: {@link InvoiceError}. */
export function decodeBolt12Invoice(text: string): Bolt12Invoice {
  return readInvoice(read(text, 'lni', 'invoice'))
}

/** The same, if it is for this offer and nothing else: what the payer was shown is what the maker has signed. */
export function invoiceForOffer(invoice: string, offer: string): Bolt12Invoice {
  const [asked, given] = [read(offer, 'lno', 'offer'), read(invoice, 'lni', 'invoice')]
  const repeated = given.bytesWhere(OF_OFFER)
  if (toHex(repeated) !== toHex(asked.bytesWhere(() => true))) throw new InvoiceError('the invoice is for another offer')
  const read_ = readInvoice(given)
  const issuerId = asked.get(OFFER.issuerId)
  const signers = issuerId ? [toHex(issuerId)] : lastNodes(asked.get(OFFER.paths)!)
  if (!signers.includes(read_.payee)) throw new InvoiceError('the invoice is not signed by the offer’s maker')
  return read_
}

function readInvoice(fields: Records): Bolt12Invoice {
  checkFeatures(fields.get(INVOICE.features), KNOWN_FEATURES)
  const [created, paymentHash, amountMsat] = [fields.number(INVOICE.created), fields.get(INVOICE.paymentHash), fields.number(INVOICE.amount)]
  const [nodeId, signature] = [fields.get(INVOICE.nodeId), fields.get(INVOICE.signature)]
  if (created === undefined || paymentHash?.length !== 32 || amountMsat === undefined || nodeId?.length !== 33 || !signature) {
    throw new InvoiceError('the invoice lacks a field')
  }
  if (amountMsat === 0n || amountMsat > MAX_MSAT) throw new InvoiceError('the invoice’s amount is none')
  if (!isSigned(fields, signature, nodeId)) throw new InvoiceError('the invoice’s signature is wrong')
  const expiry = fields.number(INVOICE.expiry) ?? BigInt(USUAL_EXPIRY)
  return {
    amountMsat,
    paymentHash: toHex(paymentHash),
    payee: toHex(nodeId),
    description: words(fields.get(OFFER.description)),
    createdAt: moment(created),
    expiresAt: moment(created + expiry),
  }
}

function read(text: string, prefix: string, what: string): Records {
  // BOLT 12, "Encoding": a long text may be broken by a plus and blanks.
  const whole = text.trim()
  const isBroken = /^\+|\+\s*$|\+\s*\+/.test(whole)
  const bytes = isBroken ? undefined : readWords(whole.replace(/\+\s*/g, ''), prefix)
  if (!bytes) throw new InvoiceError(`the ${what} is mistyped`)
  const records = readRecords(bytes)
  if (!records || records.types.length === 0) throw new InvoiceError(`the ${what} is cut off or mistyped`)
  return records
}

/** The invoice's own signature, which its maker's key made. */
function isSigned(fields: Records, signature: Uint8Array, nodeId: Uint8Array): boolean {
  try {
    return schnorr.verify(signature, taggedHash(ascii('lightninginvoicesignature'), signedRoot(fields)), nodeId.slice(1))
  } catch {
    return false
  }
}

/** The last node of each of an offer's paths, blinded: its key signs where the offer names no issuer. */
function lastNodes(paths: Uint8Array): string[] {
  const found: string[] = []
  const keyAt = (at: number) => {
    const key = paths.slice(at, at + 33)
    if (!isKey(key)) throw new InvoiceError('the offer’s path is damaged')
    return toHex(key)
  }
  for (let at = 0; at < paths.length; ) {
    // First a direction and a short channel id, or a node's key; then the path's own key.
    const isChannel = paths[at]! <= 1
    if (!isChannel) keyAt(at)
    at += isChannel ? 9 : 33
    keyAt(at)
    const hops = paths[at + 33] ?? 0
    if (hops === 0) throw new InvoiceError('the offer’s path leads nowhere')
    at += 34
    let last = ''
    for (let hop = 0; hop < hops; hop++) {
      last = keyAt(at)
      at += 35 + (paths[at + 33] ?? 0) * 256 + (paths[at + 34] ?? 0)
      if (at > paths.length) throw new InvoiceError('the offer’s path is cut off')
    }
    found.push(last)
  }
  return found
}

function isKey(bytes: Uint8Array): boolean {
  try {
    return bytes.length === 33 && Boolean(secp256k1.Point.fromBytes(bytes))
  } catch {
    return false
  }
}

/** BOLT 12: without a word on it, Bitcoin's own. */
function chains(bytes: Uint8Array | undefined): Network[] {
  if (!bytes) return ['bitcoin']
  if (bytes.length === 0 || bytes.length % 32 !== 0) throw new InvoiceError('the offer’s networks are cut off')
  const hashes = Array.from({ length: Math.floor(bytes.length / 32) }, (_, at) => toHex(bytes.slice(32 * at, 32 * at + 32)))
  return hashes.flatMap((hash) => CHAINS[hash] ?? [])
}

/** A feature with an even number that is not known forbids to pay. The last byte has the lowest bits. */
function checkFeatures(bytes: Uint8Array | undefined, known: Set<number>): void {
  const lowestFirst = [...(bytes ?? [])].reverse()
  for (const [at, byte] of lowestFirst.entries()) {
    for (let bit = 0; bit < 8; bit += 2) {
      const feature = 8 * at + bit
      if ((byte >> bit) & 1 && !known.has(feature)) throw new InvoiceError(`feature ${feature} is demanded, which is not known`)
    }
  }
}

/** Seconds since 1970; what no calendar reaches is the last that one does. */
function moment(seconds: bigint): Date {
  return new Date(Number(seconds > 8_640_000_000_000n ? 8_640_000_000_000n : seconds) * 1000)
}

function words(bytes: Uint8Array | undefined): string {
  try {
    return bytes ? new TextDecoder('utf-8', { fatal: true }).decode(bytes) : ''
  } catch (cause) {
    throw new InvoiceError('a text in it is no text', { cause })
  }
}
