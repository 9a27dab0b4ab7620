/**
 * The validator's key: the one thing that the page must not learn from the node that it checks.
 *
 * It comes in the link that the node prints in the terminal (`#key=...`), or is confirmed once by a person, and is kept.
 */

import { isHex, type SeenHead } from '@zarnitsa/light-client'

const KEY = 'zarnitsa.validator-key'
const HEAD = 'zarnitsa.seen-head'

/** The pinned key; taken from the link where there is one and none is pinned yet. */
export function pinnedKey(): string | undefined {
  const stored = localStorage.getItem(KEY)
  if (isHex(stored, 32)) return stored
  const linked = new URLSearchParams(location.hash.slice(1)).get('key')
  if (!isHex(linked, 32)) return undefined
  pin(linked)
  return linked
}

export function pin(key: string): void {
  localStorage.setItem(KEY, key)
  localStorage.removeItem(HEAD)
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
  localStorage.setItem(HEAD, JSON.stringify(head))
}
