/**
 * The validator's key: the one thing that the page must not learn from the node that it checks.
 *
 * It comes in the link that the node prints in the terminal (`#key=...`), or is confirmed once by a person, and is kept.
 */

import type { SeenHead } from '@zarnitsa/light-client'
import { isHex, Pin } from '@zarnitsa/light-client/page'

const HEAD = 'zarnitsa.seen-head'
const EVENT = 'zarnitsa.seen-event'

const store = () => new Pin(localStorage)

/** The pinned key; taken from the link where there is one and none is pinned yet. */
export function pinnedKey(): string | undefined {
  const stored = store().key
  if (stored !== undefined) return stored
  const linked = new URLSearchParams(location.hash.slice(1)).get('key')
  if (!isHex(linked, 32)) return undefined
  pin(linked)
  return linked
}

export function pin(key: string): void {
  store().keep(key)
  localStorage.removeItem(HEAD)
  localStorage.removeItem(EVENT)
}

export function forgetPin(): void {
  store().forget()
  localStorage.removeItem(HEAD)
  localStorage.removeItem(EVENT)
}

/** The newest block that this browser saw: an older one is refused from then on. */
export function seenHead(): SeenHead | undefined {
  try {
    const head: unknown = JSON.parse(localStorage.getItem(HEAD) ?? 'null')
    if (typeof head !== 'object' || head === null) return undefined
    const { height, hash } = head as Partial<SeenHead>
    return Number.isSafeInteger(height) && isHex(hash, 32) ? { height: height!, hash } : undefined
  } catch {
    return undefined
  }
}

export function keepSeen(head: SeenHead): void {
  // Answers may overtake one another.
  if ((seenHead()?.height ?? -1) < head.height) localStorage.setItem(HEAD, JSON.stringify(head))
}

/** The number of the last event that this browser had: it goes on from there, and does not hear all of them again. */
export function seenEvent(): number {
  const stored = Number(localStorage.getItem(EVENT) ?? '0')
  return Number.isSafeInteger(stored) && stored >= 0 ? stored : 0
}

export function keepEvent(number: number): void {
  if (number > seenEvent()) localStorage.setItem(EVENT, String(number))
}
