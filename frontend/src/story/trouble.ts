/** What went wrong, in the page's language: by the error's kind and code, with the node's own words beneath. */

import { NodeError } from '@zarnitsa/light-client/page'

import { strangersText } from '../format'
import { ReadError } from '../node/prover'
import type { Text } from '../text'

export interface Trouble {
  words: string
  /** As the node or the ledger says it: English, and exact. */
  detail: string | undefined
}

/** Errors that the pages throw themselves are in the page's language already. */
export function troubleOf(t: Text, error: unknown): Trouble {
  const message = strangersText(error instanceof Error ? error.message : String(error))
  const words = wordsOf(t, error)
  return words === undefined ? { words: message, detail: undefined } : { words, detail: message }
}

function wordsOf(t: Text, error: unknown): string | undefined {
  if (error instanceof NodeError) return known(t.nodeErrors, error.code) ?? t.unexpected
  if (!(error instanceof ReadError)) return undefined
  switch (error.kind) {
    case 'node':
      return known(t.nodeErrors, error.code) ?? t.unexpected
    case 'refused':
      return known(t.orderErrors, error.code) ?? t.nodeErrors.refused
    case 'proof':
      return known(t.proofErrors, error.code) ?? t.locked
    case 'locked':
      return t.keyLocked
    case 'other':
      return t.unexpected
  }
}

function known(words: Record<string, string>, code: string): string | undefined {
  return Object.hasOwn(words, code) ? words[code] : undefined
}
