/** BOLT 11 invoices, read here so that nobody has to believe a node's word on what it is told to pay. */

import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'

import { decodeBech32, toBytes, toNumber } from './bech32.js'
import { toHex } from './hex.js'

export type Network = 'bitcoin' | 'testnet' | 'signet' | 'regtest'

/** What an invoice says, and who signed it. */
export interface Bolt11 {
  network: Network
  /** Undefined where the payer chooses. */
  amountMsat: bigint | undefined
  paymentHash: string
  /** Node id, proved by the signature. */
  payee: string
  description: string
  /** Where the description itself is elsewhere. */
  descriptionHash: string | undefined
  createdAt: Date
  expiresAt: Date
  minFinalCltvExpiry: number
}

/** Why a text is no invoice that can be paid. */
export class InvoiceError extends Error {
  override readonly name = 'InvoiceError'
}

/** The longest prefix first: `lntb` begins `lntbs`. */
const NETWORKS: [string, Network][] = [
  ['lnbcrt', 'regtest'],
  ['lntbs', 'signet'],
  ['lnbc', 'bitcoin'],
  ['lntb', 'testnet'],
]
const MSAT_PER_BTC = 100_000_000_000n
const MAX_MSAT = 21_000_000n * MSAT_PER_BTC
/** In thousandths, millionths and so on: how many make a bitcoin. */
const MULTIPLIERS: Record<string, bigint> = { '': 1n, m: 1_000n, u: 1_000_000n, n: 1_000_000_000n, p: 1_000_000_000_000n }
const SIGNATURE_WORDS = 104
/** Letters of the tagged fields (BOLT 11), as five-bit words. */
const TAG = { paymentHash: 1, secret: 16, description: 13, payee: 19, descriptionHash: 23, expiry: 6, cltv: 24, features: 5 }
/** Fields of another length are not for this version of readers. */
const LENGTHS: Record<number, number> = { 1: 52, 16: 52, 23: 52, 19: 53 }
/** Features that an invoice may demand: onions of any length, payment secrets, several parts, blinded routes, metadata. */
const KNOWN_FEATURES = new Set([8, 14, 16, 24, 48])

/** Reads an invoice and checks its signature. Errors: {@link InvoiceError}. */
export function decodeInvoice(text: string): Bolt11 {
  const coded = decodeBech32(text)
  if (coded?.encoding !== 'bech32') throw new InvoiceError('the invoice is mistyped: its checksum is wrong')
  const { network, amountMsat } = readPrefix(coded.prefix)
  if (coded.words.length < 7 + SIGNATURE_WORDS) throw new InvoiceError('the invoice is too short')
  const data = coded.words.slice(0, -SIGNATURE_WORDS)
  const fields = readFields(data.slice(7))
  const paymentHash = bytesOf(fields, TAG.paymentHash)
  if (!paymentHash) throw new InvoiceError('the invoice has no payment hash')
  if (!fields.has(TAG.secret)) throw new InvoiceError('the invoice has no payment secret')
  checkFeatures(fields.get(TAG.features) ?? [])
  const description = bytesOf(fields, TAG.description)
  const descriptionHash = bytesOf(fields, TAG.descriptionHash)
  const created = Number(toNumber(data.slice(0, 7)))
  const expiry = numberOf(fields, TAG.expiry) ?? 3_600
  return {
    network,
    amountMsat,
    paymentHash: toHex(paymentHash),
    payee: signer(coded.prefix, data, coded.words.slice(-SIGNATURE_WORDS), bytesOf(fields, TAG.payee)),
    description: description ? new TextDecoder().decode(description) : '',
    descriptionHash: descriptionHash && toHex(descriptionHash),
    createdAt: new Date(created * 1000),
    expiresAt: new Date((created + expiry) * 1000),
    minFinalCltvExpiry: numberOf(fields, TAG.cltv) ?? 18,
  }
}

/** What an invoice is for, without a look at its signature: for lists of what was ordered long ago. Never throws. */
export function descriptionOf(text: string): string {
  const coded = decodeBech32(text)
  if (!coded || coded.words.length < 7 + SIGNATURE_WORDS) return ''
  try {
    const bytes = bytesOf(readFields(coded.words.slice(7, -SIGNATURE_WORDS)), TAG.description)
    return bytes ? new TextDecoder().decode(bytes) : ''
  } catch {
    return ''
  }
}

function readPrefix(prefix: string): { network: Network; amountMsat: bigint | undefined } {
  const known = NETWORKS.find(([start]) => prefix.startsWith(start) && /^(?:\d|$)/.test(prefix.slice(start.length)))
  if (!known) throw new InvoiceError('the invoice is for a network that is not known')
  const [start, network] = known
  const rest = prefix.slice(start.length)
  if (rest === '') return { network, amountMsat: undefined }
  const [, digits, letter] = /^([1-9]\d{0,17})([munp]?)$/.exec(rest) ?? []
  const parts = letter === undefined ? undefined : MULTIPLIERS[letter]
  if (digits === undefined || parts === undefined) throw new InvoiceError(`the invoice's amount does not parse: ${rest}`)
  const scaled = BigInt(digits) * MSAT_PER_BTC
  if (scaled % parts !== 0n) throw new InvoiceError('the invoice asks for less than a thousandth of a satoshi')
  if (scaled / parts > MAX_MSAT) throw new InvoiceError('the invoice asks for more than there will ever be')
  return { network, amountMsat: scaled / parts }
}

/** The first field of each kind. */
function readFields(words: number[]): Map<number, number[]> {
  const fields = new Map<number, number[]>()
  for (let at = 0; at < words.length; ) {
    const length = (words[at + 1] ?? 0) * 32 + (words[at + 2] ?? 0)
    const tag = words[at]!
    const value = words.slice(at + 3, at + 3 + length)
    if (at + 3 > words.length || value.length !== length) throw new InvoiceError('the invoice is cut off')
    if ((LENGTHS[tag] ?? length) === length && !fields.has(tag)) fields.set(tag, value)
    at += 3 + length
  }
  return fields
}

function bytesOf(fields: Map<number, number[]>, tag: number, strict = false): Uint8Array | undefined {
  const words = fields.get(tag)
  return words && toBytes(words, strict)
}

function numberOf(fields: Map<number, number[]>, tag: number): number | undefined {
  const words = fields.get(tag)
  return words && Number(toNumber(words))
}

/** A feature with an even number that is not known forbids to pay. */
function checkFeatures(words: number[]): void {
  const bits = toNumber(words)
  for (let bit = 0; bit < words.length * 5; bit += 2) {
    if ((bits >> BigInt(bit)) & 1n && !KNOWN_FEATURES.has(bit)) {
      throw new InvoiceError(`the invoice demands feature ${bit}, which is not known`)
    }
  }
}

/** Who signed: the payee that the invoice names, if it names one, else the key that the signature tells. */
function signer(prefix: string, data: number[], signatureWords: number[], named: Uint8Array | undefined): string {
  const signature = toBytes(signatureWords)
  const signed = [...new TextEncoder().encode(prefix), ...(toBytes(data, false) ?? []), ...lastBits(data)]
  const digest = sha256(Uint8Array.from(signed))
  try {
    const compact = secp256k1.Signature.fromBytes(signature!.slice(0, 64), 'compact')
    if (named) {
      const isGood = secp256k1.verify(compact.toBytes('compact'), digest, named, { prehash: false, lowS: false })
      if (isGood) return toHex(named)
    } else {
      return compact.addRecoveryBit(signature![64]!).recoverPublicKey(digest).toHex(true)
    }
  } catch (cause) {
    throw new InvoiceError('the invoice’s signature is wrong', { cause })
  }
  throw new InvoiceError('the invoice is not signed by the payee that it names')
}

/** The bits that do not fill a byte, filled up with zeroes: BOLT 11 signs them so. */
function lastBits(words: number[]): number[] {
  const left = (words.length * 5) % 8
  if (left === 0) return []
  const last = toNumber(words.slice(-2)) & ((1n << BigInt(left)) - 1n)
  return [Number(last) << (8 - left)]
}
