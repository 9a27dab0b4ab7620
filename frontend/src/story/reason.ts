/** Why a channel was closed, in the page's language: the ledger has the node's own words. */

import type { Text } from '../text'

const EXPIRED = /^HTLC \d+ of ours expired at height (\d+) /
const UNSETTLED = /^HTLC \d+ of the peer's, .* expires at height (\d+)$/

/** A reason that this page does not know keeps the node's words. */
export function closeReason(t: Text, note: string): string {
  const words = t.closeReasons
  if (note === 'the operator ordered it') return words.ordered
  const after = (start: string) => (note.startsWith(start) ? note.slice(start.length) : undefined)
  const broken = after('the peer broke the protocol: ')
  if (broken !== undefined) return words.brokeProtocol(broken)
  const error = after('the peer sent an error: ')
  if (error !== undefined) return words.peerError(error)
  const [, expired] = EXPIRED.exec(note) ?? []
  if (expired !== undefined) return words.expired(expired)
  const [, unsettled] = UNSETTLED.exec(note) ?? []
  return unsettled === undefined ? note : words.unsettled(unsettled)
}
