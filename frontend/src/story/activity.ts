/** Payments sent and received as one list, the newest first. */

import type { Invoice, Payment } from '@zarnitsa/light-client'
import { descriptionOf } from '@zarnitsa/light-client/page'

/** An invoice's state in the page's words: what the operator holds is not just arriving. */
export function invoiceState(invoice: Pick<Invoice, 'status' | 'hold'>): string {
  return invoice.status === 'accepted' && invoice.hold ? 'held' : invoice.status
}

export interface Activity {
  kind: 'sent' | 'received'
  paymentHash: string
  /** What came or went; of an invoice that is not paid, what it asks for. */
  amountMsat: bigint
  /** Beside the amount. */
  feeMsat: bigint
  /** Nothing moves before it is done. */
  isDone: boolean
  status: string
  description: string
  preimage: string | undefined
  /** Of its newest change. */
  height: bigint
}

export function ofPayment(payment: Payment): Activity {
  return {
    kind: 'sent',
    paymentHash: payment.paymentHash,
    amountMsat: payment.amountMsat,
    feeMsat: payment.feeMsat,
    isDone: payment.status === 'succeeded',
    status: payment.status,
    description: descriptionOf(payment.invoice),
    preimage: payment.preimage,
    height: payment.updatedHeight,
  }
}

/** `now` tells an open invoice past its time. */
export function ofInvoice(invoice: Invoice, now: number): Activity {
  const isPaid = invoice.status === 'paid'
  const isOver = invoice.status === 'open' && invoice.expiresAt.getTime() <= now
  return {
    kind: 'received',
    paymentHash: invoice.paymentHash,
    amountMsat: isPaid ? invoice.receivedMsat : (invoice.amountMsat ?? 0n),
    feeMsat: 0n,
    isDone: isPaid,
    status: isOver ? 'expired' : invoiceState(invoice),
    description: invoice.description,
    preimage: invoice.preimage,
    height: invoice.updatedHeight,
  }
}

export function activity(payments: Payment[], invoices: Invoice[], now: number): Activity[] {
  const all = [...payments.map(ofPayment), ...invoices.map((invoice) => ofInvoice(invoice, now))]
  return all.sort((a, b) => Number(b.height - a.height) || a.paymentHash.localeCompare(b.paymentHash))
}
