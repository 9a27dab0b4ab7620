/** Forwards as a file. */

import type { Forward } from '@zarnitsa/light-client'

import { csvTable } from './csv'

/** The oldest first, with the running sum of what was earned. */
export function forwardsCsv(forwards: Forward[], timeOf: (height: bigint) => Date | undefined): string {
  const head = ['time', 'ledger_block', 'payment_hash', 'incoming_channel_id', 'outgoing_channel_id', 'status', 'incoming_msat', 'outgoing_msat', 'fee_msat', 'earned_msat']
  let earned = 0n
  const rows = [...forwards].reverse().map((forward) => {
    if (forward.status === 'succeeded') earned += forward.feeMsat
    const { paymentHash, incomingChannelId, outgoingChannelId, status, incomingMsat, outgoingMsat, feeMsat, updatedHeight } = forward
    const time = timeOf(updatedHeight)?.toISOString() ?? ''
    return [time, updatedHeight, paymentHash, incomingChannelId, outgoingChannelId, status, incomingMsat, outgoingMsat, feeMsat, earned]
  })
  return csvTable(head, rows)
}
