/** Reads longer than one answer: whole histories, and the times of many blocks. */

import type { Channel, HistoryEntry } from '@zarnitsa/light-client'
import { MAX_BLOCKS, MAX_HISTORY } from '@zarnitsa/light-client/page'

import type { WholeHistory } from '../story/balance'
import type { Prover } from './prover'

/** Every step of each channel, page by page, each page proved. */
export async function wholeHistories(prover: Prover, channels: Channel[]): Promise<WholeHistory[]> {
  const histories: WholeHistory[] = []
  for (const { channelId } of channels) {
    const entries: HistoryEntry[] = []
    for (;;) {
      const { value } = await prover.read('history', channelId, entries.length)
      entries.push(...value.entries)
      if (entries.length >= value.length || value.entries.length < MAX_HISTORY) break
    }
    histories.push({ channelId, entries })
  }
  return histories
}

/** The signed times of these blocks. */
export async function blockTimes(prover: Prover, heights: Iterable<bigint>): Promise<Map<bigint, Date>> {
  const wanted = [...new Set(heights)].sort((a, b) => Number(b - a))
  const times = new Map<bigint, Date>()
  while (wanted.length > 0) {
    const top = wanted[0]!
    const reach = wanted.filter((height) => top - height < BigInt(MAX_BLOCKS))
    const span = Number(top - reach.at(-1)!) + 1
    for (const { height, time } of await prover.read('blocks', Number(top), span)) times.set(BigInt(height), time)
    wanted.splice(0, reach.length)
  }
  return times
}
