/** What people paste to pay or to connect: one box takes anything. */

import { decodeBech32, toBytes } from './bech32.js'
import { decodeInvoice, InvoiceError, type Bolt11, type Network } from './bolt11.js'
import { decodeOffer, type Bolt12Offer } from './bolt12.js'

/** What a text asks for. */
export type PayTarget =
  | { kind: 'invoice'; text: string; invoice: Bolt11 }
  | { kind: 'offer'; text: string; offer: Bolt12Offer }
  /** Coins to an address; with an invoice too where the BIP 21 link has one. */
  | { kind: 'address'; address: string; network: Network | undefined; amountSat: bigint | undefined; label: string }
  | { kind: 'node'; nodeId: string; address: string | undefined }
  | { kind: 'unsupported'; what: 'lnurl' | 'lightning_address' }
  | { kind: 'nothing'; why: NoTarget; reason: string }

/** Why a text names nothing that can be paid. */
export type NoTarget =
  /** It is of no kind that is known. */
  | 'unknown'
  /** An invoice that is mistyped, forged, or demands what is not known. */
  | 'invoice'
  /** An offer that is mistyped or demands what is not known. */
  | 'offer'
  /** An address that is mistyped. */
  | 'address'
  /** A link without an address. */
  | 'empty_link'
  /** A link that demands what is not known (BIP 21, `req-`). */
  | 'demand'
  /** A link whose amount does not parse. */
  | 'amount'

/** A testnet address may be signet's too: the two look alike. */
const SEGWIT: Record<string, Network> = { bc: 'bitcoin', tb: 'signet', bcrt: 'regtest' }
/** What cannot be seen and is pasted along: zero-width characters, marks of direction, the byte order mark. */
const UNSEEN = /[\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g
const BASE58 = /^[123mn][1-9A-HJ-NP-Za-km-z]{25,34}$/

/**
 * Reads BOLT 11, a BOLT 12 offer, `lightning:`, BIP 21, a node's URI or an address, in the upper case of QR codes and broken into lines too.
 * Never throws: what is none says so.
 */
export function readPayTarget(input: string): PayTarget {
  const text = input.replace(UNSEEN, '').trim().replace(/^web\+/i, '')
  // In a link a blank may stand in somebody's label; in all else it came from breaking lines.
  if (/^bitcoin:/i.test(text)) return readBip21(text.replace(/[\t\r\n]+/g, ''))
  const bare = text.replace(/\s+/g, '').replace(/^lightning:(?:\/\/)?/i, '')
  const lightning = readLightning(bare)
  if (lightning) return lightning
  const node = /^(0[23][0-9a-f]{64})(?:@(\S+:\d{1,5}))?$/i.exec(bare)
  if (node) return { kind: 'node', nodeId: node[1]!.toLowerCase(), address: node[2] }
  if (/^₿?[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text)) return { kind: 'unsupported', what: 'lightning_address' }
  return readAddress(bare, undefined, '')
}

/** What is paid over Lightning; undefined where the text is nothing of the kind. */
function readLightning(text: string): PayTarget | undefined {
  if (/^ln(?:bc|tb)/i.test(text)) return readInvoice(text)
  // BOLT 12, "Encoding": a plus may stand anywhere, where a long text was broken.
  if (/^lno1/i.test(text.replaceAll('+', ''))) return readOffer(text)
  if (/^(?:lnurl1|lnurl[pwc]?:|keyauth:)/i.test(text)) return { kind: 'unsupported', what: 'lnurl' }
  return undefined
}

function readInvoice(text: string): PayTarget {
  try {
    return { kind: 'invoice', text: text.toLowerCase(), invoice: decodeInvoice(text) }
  } catch (error) {
    if (error instanceof InvoiceError) return nothing('invoice', error.message)
    throw error
  }
}

function readOffer(text: string): PayTarget {
  try {
    return { kind: 'offer', text: text.replaceAll('+', '').toLowerCase(), offer: decodeOffer(text) }
  } catch (error) {
    if (error instanceof InvoiceError) return nothing('offer', error.message)
    throw error
  }
}

function readBip21(text: string): PayTarget {
  const [head = '', query = ''] = text.slice('bitcoin:'.length).replace(/^\/\//, '').split('?', 2)
  // In a QR code all of a link may be in upper case.
  const fields = new Map([...new URLSearchParams(query)].map(([name, value]) => [name.toLowerCase(), value]))
  // A Lightning invoice is quicker and cheaper than an address, and the payee offers both.
  const lightning = readLightning(fields.get('lightning') ?? fields.get('lno') ?? '')
  if (lightning && (lightning.kind === 'invoice' || lightning.kind === 'offer' || head === '')) return lightning
  if (head === '') return nothing('empty_link', 'the link names no address')
  const demanded = [...fields.keys()].find((name) => name.startsWith('req-'))
  if (demanded) return nothing('demand', `the link demands ${demanded.slice(0, 40)}, which is not known`)
  const amount = fields.get('amount')
  const sat = amount === undefined ? undefined : btcToSat(amount)
  if (amount !== undefined && sat === undefined) return nothing('amount', 'the link’s amount does not parse')
  return readAddress(head, sat, fields.get('label') ?? fields.get('message') ?? '')
}

function readAddress(text: string, amountSat: bigint | undefined, label: string): PayTarget {
  const coded = decodeBech32(text)
  const network = coded && SEGWIT[coded.prefix]
  if (coded && network) {
    const [version, ...program] = coded.words
    const bytes = toBytes(program)
    const isSound = version !== undefined && version <= 16 && coded.encoding === (version === 0 ? 'bech32' : 'bech32m')
    if (!isSound || !bytes || bytes.length < 2 || bytes.length > 40) return nothing('address', 'this is no address that can be paid')
    return { kind: 'address', address: text.toLowerCase(), network, amountSat, label }
  }
  if (/^(?:bc|tb|bcrt)1/i.test(text)) return nothing('address', 'the address is mistyped: its checksum is wrong')
  if (BASE58.test(text)) return { kind: 'address', address: text, network: undefined, amountSat, label }
  return nothing('unknown', 'this is no invoice, address or node')
}

/** BIP 21's amounts are bitcoins with a point. */
function btcToSat(text: string): bigint | undefined {
  const match = /^(\d{1,8})(?:\.(\d{1,8}))?$/.exec(text)
  if (!match) return undefined
  return BigInt(match[1]!) * 100_000_000n + BigInt((match[2] ?? '').padEnd(8, '0'))
}

function nothing(why: NoTarget, reason: string): PayTarget {
  return { kind: 'nothing', why, reason }
}
