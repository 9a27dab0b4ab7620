/** A payment's receipt: what was paid, and why it must be believed, in one file that needs no node. */

import exonum from 'exonum-client'

import { verifyBlock, type ProvedBlock } from './block.js'
import { decodeInvoice, InvoiceError, type Bolt11 } from './bolt11.js'
import { ProofError } from './errors.js'
import { fromHex, isHex } from './hex.js'
import { hex, object } from './json.js'
import { mapEntry, tableRoot } from './proofs.js'
import { readInvoice, readPayment } from './records.js'

const FORMAT = 'zarnitsa-receipt-1'

export interface Receipt {
  format: typeof FORMAT
  /** Whether the ledger's owner paid it or was paid. */
  kind: 'sent' | 'received'
  /** The BOLT 11 string; empty where there was none. */
  invoice: string
  payment_hash: string
  /** Its SHA-256 is the payment hash: only who was paid can have given it. */
  preimage: string
  /** The key that signs the ledger's blocks. */
  validator_key: string
  /** The node's answer: block, signature, and the hashes down to the stored bytes. */
  proof: unknown
}

/** What a receipt proves. */
export interface VerifiedReceipt {
  kind: Receipt['kind']
  paymentHash: string
  preimage: string
  amountMsat: bigint
  /** What the payer paid beside; undefined to the payee. */
  feeMsat: bigint | undefined
  /** Node id of who was paid, by the invoice's signature where there is an invoice. */
  payee: string
  description: string
  invoice: Bolt11 | undefined
  block: ProvedBlock
  validatorKey: string
}

interface Paid {
  status: string
  preimage: string | undefined
  invoice: string
  amountMsat: bigint
  feeMsat: bigint | undefined
  payee: string | undefined
}

/** Makes a receipt of the node's answer, and checks it. Errors: the payment did not succeed, or is not proved. */
export function makeReceipt(kind: Receipt['kind'], validatorKey: string, proof: unknown): Receipt {
  const { to_payment: sent, to_invoice: received } = object(proof, 'proof')
  const paymentHash = onlyKey(kind === 'sent' ? sent : received)
  const { paid } = read(kind, validatorKey, proof, paymentHash)
  const receipt: Receipt = {
    format: FORMAT,
    kind,
    invoice: paid.invoice,
    payment_hash: paymentHash,
    preimage: paid.preimage ?? '',
    validator_key: validatorKey,
    proof,
  }
  verifyReceipt(receipt)
  return receipt
}

/**
 * Checks a receipt, wherever it comes from. Give the validator's key where it is known from elsewhere: without it the
 * receipt shows what the ledger of the key that it names says.
 *
 * Errors: {@link ProofError}.
 */
export function verifyReceipt(json: unknown, validatorKey?: string): VerifiedReceipt {
  const receipt = object(json, 'receipt')
  const { format, kind } = receipt
  if (format !== FORMAT) throw new ProofError('malformed', 'this is no receipt of this format')
  if (kind !== 'sent' && kind !== 'received') throw new ProofError('malformed', 'the receipt is of an unknown kind')
  const key = hex(receipt.validator_key, 'validator_key', 32)
  if (validatorKey !== undefined && validatorKey !== key) {
    throw new ProofError('signature', `the receipt is of the ledger of ${key}, not of ${validatorKey}`)
  }
  const paymentHash = hex(receipt.payment_hash, 'payment_hash', 32)
  const preimage = hex(receipt.preimage, 'preimage', 32)
  if (exonum.hash(fromHex(preimage)) !== paymentHash) {
    throw new ProofError('mismatch', 'the preimage is not that of the payment hash')
  }
  const { paid, block } = read(kind, key, receipt.proof, paymentHash)
  if (paid.status !== (kind === 'sent' ? 'succeeded' : 'paid')) {
    throw new ProofError('mismatch', `the ledger says that the payment is ${paid.status}`)
  }
  if (paid.preimage !== preimage) throw new ProofError('mismatch', 'the ledger has another preimage')
  if (paid.invoice !== receipt.invoice) throw new ProofError('mismatch', 'the ledger has another invoice')
  const invoice = paid.invoice === '' ? undefined : readBolt11(paid.invoice, paymentHash)
  const payee = invoice?.payee ?? paid.payee ?? ''
  if (paid.payee !== undefined && paid.payee !== payee) throw new ProofError('mismatch', 'the invoice is of another payee')
  return {
    kind,
    paymentHash,
    preimage,
    amountMsat: paid.amountMsat,
    feeMsat: paid.feeMsat,
    payee,
    description: invoice?.description ?? '',
    invoice,
    block,
    validatorKey: key,
  }
}

function read(kind: Receipt['kind'], key: string, proof: unknown, paymentHash: string): { paid: Paid; block: ProvedBlock } {
  const json = object(proof, 'proof')
  const block = verifyBlock(json.block_proof, key)
  const table = kind === 'sent' ? 'lightning.payments' : 'lightning.invoices'
  const root = tableRoot(json.to_table, block.stateHash, table)
  const stored = mapEntry(kind === 'sent' ? json.to_payment : json.to_invoice, root, paymentHash)
  if (!stored) throw new ProofError('other_question', `the ledger knows no payment ${paymentHash}`)
  if (kind === 'sent') return { paid: readPayment(stored), block }
  const { receivedMsat, ...invoice } = readInvoice(stored)
  return { paid: { ...invoice, amountMsat: receivedMsat, feeMsat: undefined, payee: undefined }, block }
}

function readBolt11(text: string, paymentHash: string): Bolt11 {
  let invoice
  try {
    invoice = decodeInvoice(text)
  } catch (cause) {
    if (cause instanceof InvoiceError) throw new ProofError('malformed', cause.message, { cause })
    throw cause
  }
  if (invoice.paymentHash !== paymentHash) throw new ProofError('mismatch', 'the invoice is of another payment')
  return invoice
}

/** The key that a proof of one entry is about. */
function onlyKey(json: unknown): string {
  const { entries } = object(json, 'map proof')
  const [entry] = Array.isArray(entries) && entries.length === 1 ? entries : []
  const key: unknown = entry && (entry as { key?: unknown }).key
  if (!isHex(key, 32)) throw new ProofError('other_question', 'there is no such payment')
  return key
}
