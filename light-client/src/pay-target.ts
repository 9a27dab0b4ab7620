/** What people paste to pay or to connect: one box takes anything. */

import { decodeBech32, toBytes } from './bech32.js'
import { decodeInvoice, InvoiceError, type Bolt11, type Network } from './bolt11.js'

/** What a text asks for. */
export type PayTarget =
  | { kind: 'invoice'; text: string; invoice: Bolt11 }
  /** Coins to an address; with an invoice too where the BIP 21 link has one. */
  | { kind: 'address'; address: string; network: Network | undefined; amountSat: bigint | undefined; label: string }
  | { kind: 'node'; nodeId: string; address: string | undefined }
  | { kind: 'unsupported'; what: 'offer' | 'lnurl' | 'lightning_address' }
  | { kind: 'nothing'; reason: string }

/** A testnet address may be signet's too: the two look alike. */
const SEGWIT: Record<string, Network> = { bc: 'bitcoin', tb: 'signet', bcrt: 'regtest' }
const BASE58 = /^[123mn][1-9A-HJ-NP-Za-km-z]{25,34}$/

/** Reads BOLT 11, `lightning:`, BIP 21, a node's URI or an address. Never throws: what is none says so. */
export function readPayTarget(input: string): PayTarget {
  const text = input.trim().replace(/^web\+/i, '')
  const bare = text.replace(/^lightning:(?:\/\/)?/i, '')
  if (/^bitcoin:/i.test(text)) return readBip21(text)
  if (/^ln(?:bc|tb)/i.test(bare)) return readInvoice(bare)
  if (/^lno1/i.test(bare)) return { kind: 'unsupported', what: 'offer' }
  if (/^(?:lnurl1|lnurl[pwc]?:|keyauth:)/i.test(bare)) return { kind: 'unsupported', what: 'lnurl' }
  const node = /^(0[23][0-9a-f]{64})(?:@(\S+:\d{1,5}))?$/i.exec(text)
  if (node) return { kind: 'node', nodeId: node[1]!.toLowerCase(), address: node[2] }
  if (/^₿?[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text)) return { kind: 'unsupported', what: 'lightning_address' }
  return readAddress(text, undefined, '')
}

function readInvoice(text: string): PayTarget {
  try {
    return { kind: 'invoice', text: text.toLowerCase(), invoice: decodeInvoice(text) }
  } catch (error) {
    if (error instanceof InvoiceError) return { kind: 'nothing', reason: error.message }
    throw error
  }
}

function readBip21(text: string): PayTarget {
  const [head = '', query = ''] = text.slice('bitcoin:'.length).split('?', 2)
  const fields = new URLSearchParams(query)
  const get = (name: string) => fields.get(name) ?? fields.get(name.toUpperCase())
  // A Lightning invoice is quicker and cheaper than an address, and the payee offers both.
  const invoice = get('lightning')
  if (invoice) {
    const read = readInvoice(invoice)
    if (read.kind === 'invoice' || head === '') return read
  }
  if (head === '') return get('lno') ? { kind: 'unsupported', what: 'offer' } : nothing('the link names no address')
  const demanded = [...fields.keys()].find((name) => name.toLowerCase().startsWith('req-'))
  if (demanded) return nothing(`the link demands ${demanded.slice(0, 40)}, which is not known`)
  const amount = get('amount')
  const sat = amount === null ? undefined : btcToSat(amount)
  if (amount !== null && sat === undefined) return nothing('the link’s amount does not parse')
  return readAddress(head, sat, get('label') ?? get('message') ?? '')
}

function readAddress(text: string, amountSat: bigint | undefined, label: string): PayTarget {
  const coded = decodeBech32(text)
  const network = coded && SEGWIT[coded.prefix]
  if (coded && network) {
    const [version, ...program] = coded.words
    const bytes = toBytes(program)
    const isSound = version !== undefined && version <= 16 && coded.encoding === (version === 0 ? 'bech32' : 'bech32m')
    if (!isSound || !bytes || bytes.length < 2 || bytes.length > 40) return nothing('this is no address that can be paid')
    return { kind: 'address', address: text.toLowerCase(), network, amountSat, label }
  }
  if (BASE58.test(text)) return { kind: 'address', address: text, network: undefined, amountSat, label }
  return nothing('this is no invoice, address or node')
}

/** BIP 21's amounts are bitcoins with a point. */
function btcToSat(text: string): bigint | undefined {
  const match = /^(\d{1,8})(?:\.(\d{1,8}))?$/.exec(text)
  if (!match) return undefined
  return BigInt(match[1]!) * 100_000_000n + BigInt((match[2] ?? '').padEnd(8, '0'))
}

function nothing(reason: string): PayTarget {
  return { kind: 'nothing', reason }
}
