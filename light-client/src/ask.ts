/** What the ledger stores of channels that peers ask this node for. */

import { AskSchema, AskStatus } from './gen/lightning_records_pb.js'
import { toHex } from './hex.js'
import { decode, word } from './records.js'

/** A channel that a peer asks this node for. */
export interface Ask {
  /** Its name at this node: what it is approved or refused by. */
  askId: string
  /** Node id of the peer. */
  peer: string
  /** What the peer calls it. */
  id: string
  amountSat: bigint
  /** `asked`, `approved`, `opening`, `opened` or `refused`. */
  status: string
  /** Why it was refused, or why the newest attempt failed. */
  reason: string
  receivedAt: Date
  /** Openings that came to nothing. */
  attempts: number
  channelId: string | undefined
  createdHeight: bigint
  updatedHeight: bigint
}

/** `askId` is its key in the table. */
export function readAsk(bytes: Uint8Array, askId: string): Ask {
  const ask = decode(AskSchema, bytes, 'ask')
  return {
    askId,
    peer: toHex(ask.peer),
    id: toHex(ask.id),
    amountSat: ask.amountSat,
    status: word(AskStatus, ask.status),
    reason: ask.reason,
    receivedAt: new Date(Number(ask.receivedAt) * 1000),
    attempts: ask.attempts,
    channelId: ask.channelId.length === 0 ? undefined : toHex(ask.channelId),
    createdHeight: ask.createdHeight,
    updatedHeight: ask.updatedHeight,
  }
}
