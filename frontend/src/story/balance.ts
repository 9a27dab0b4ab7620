/** Why a balance is what it is: the steps of the ledger that moved it, which sum to it to the thousandth of a satoshi. */

import type { HistoryEntry } from '@zarnitsa/light-client'

/** A step that moved the balance of this side. */
export interface Move {
  channelId: string
  /** The step's number in its channel. */
  step: number
  kind: string
  by: string
  deltaMsat: bigint
  /** Of the channel, after the step. */
  balanceMsat: bigint
  /** Of all channels, after the step. */
  totalMsat: bigint
  height: bigint
  txHash: string
}

/** The whole history of a channel, from its first step on. */
export interface WholeHistory {
  channelId: string
  entries: HistoryEntry[]
}

/**
 * The moves of some channels in the ledger's order. A channel that is over is paid out on chain: its coins leave with
 * its last step.
 */
export function moves(histories: WholeHistory[], isOver: (state: string) => boolean): Move[] {
  const found = histories.flatMap(({ channelId, entries }) => {
    let before = 0n
    return entries.flatMap((entry, step) => {
      const balanceMsat = isOver(entry.state) ? 0n : entry.localMsat
      const deltaMsat = balanceMsat - before
      before = balanceMsat
      if (deltaMsat === 0n) return []
      const { kind, by, height, txHash } = entry
      return [{ channelId, step, kind, by, deltaMsat, balanceMsat, height, txHash }]
    })
  })
  found.sort((a, b) => Number(a.height - b.height) || a.channelId.localeCompare(b.channelId) || a.step - b.step)
  let totalMsat = 0n
  return found.map((move) => ({ ...move, totalMsat: (totalMsat += move.deltaMsat) }))
}

/** A CSV of the moves. Amounts are in thousandths of a satoshi, so that they add up as they stand. */
export function movesCsv(list: Move[], timeOf: (height: bigint) => Date | undefined): string {
  const head = 'time,ledger_block,channel_id,step,what,by,change_msat,channel_balance_msat,balance_msat,ledger_transaction'
  const rows = list.map((move) =>
    [
      timeOf(move.height)?.toISOString() ?? '',
      move.height,
      move.channelId,
      move.step,
      move.kind,
      move.by,
      move.deltaMsat,
      move.balanceMsat,
      move.totalMsat,
      move.txHash,
    ].join(','),
  )
  return `${[head, ...rows].join('\r\n')}\r\n`
}

/** How the sum of balances stood from block to block, from pieces of histories that may begin late. */
export function balanceOverTime(histories: WholeHistory[], isOver: (state: string) => boolean): { at: number; msat: bigint }[] {
  const steps = histories.flatMap(({ channelId, entries }) =>
    entries.map(({ height, localMsat, state }) => ({ channelId, height, msat: isOver(state) ? 0n : localMsat })),
  )
  steps.sort((a, b) => Number(a.height - b.height))
  const now = new Map<string, bigint>()
  let total = 0n
  const points: { at: number; msat: bigint }[] = []
  for (const { channelId, height, msat } of steps) {
    total += msat - (now.get(channelId) ?? 0n)
    now.set(channelId, msat)
    const at = Number(height)
    const last = points.at(-1)
    if (last?.at === at) last.msat = total
    else points.push({ at, msat: total })
  }
  return points
}
