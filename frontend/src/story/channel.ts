/** A channel's steps as a story: what a person wants to know, with the payments between put together. */

import type { HistoryEntry } from '@zarnitsa/light-client'

/** One part of the story. */
export type Chapter =
  /** A step that matters by itself. */
  | { part: 'step'; step: number; entry: HistoryEntry; what: Milestone }
  /** Payments and the commitments that carry them. */
  | { part: 'payments'; from: number; to: number; count: number; deltaMsat: bigint; height: bigint }
  /** Steps that were not read. */
  | { part: 'gap'; count: number }

export type Milestone = 'opening' | 'ready' | 'reestablish' | 'fee' | 'closing' | 'chain'

const MILESTONES = new Set<string>(['opening', 'ready', 'fee', 'closing', 'chain'] satisfies Milestone[])

/** Tells it from pieces of the history, each with the number of its first step, in order. */
export function story(pieces: { from: number; entries: HistoryEntry[] }[]): Chapter[] {
  const chapters: Chapter[] = []
  let next = 0
  let before = 0n
  for (const { from, entries } of pieces) {
    if (from > next) chapters.push({ part: 'gap', count: from - next })
    for (const [at, entry] of entries.entries()) {
      const step = from + at
      if (step < next) continue
      if (MILESTONES.has(entry.kind)) {
        chapters.push({ part: 'step', step, entry, what: entry.kind as Milestone })
      } else {
        addToPayments(chapters, step, entry, entry.localMsat - before)
      }
      before = entry.localMsat
      next = step + 1
    }
  }
  return chapters
}

function addToPayments(chapters: Chapter[], step: number, entry: HistoryEntry, deltaMsat: bigint): void {
  const last = chapters.at(-1)
  const count = entry.kind === 'htlc_fulfill' ? 1 : 0
  if (last?.part === 'payments') {
    last.to = step
    last.count += count
    last.deltaMsat += deltaMsat
    last.height = entry.height
  } else {
    chapters.push({ part: 'payments', from: step, to: step, count, deltaMsat, height: entry.height })
  }
}
