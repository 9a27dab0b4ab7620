import type { Channel } from '@zarnitsa/light-client'
import { useEffect, useRef, useState } from 'react'

import { useNode, type Proof } from '../node/context'
import { ReadError } from '../node/prover'
import { balanceOverTime, type WholeHistory } from '../story/balance'
import { useText } from '../text'
import { Chart, type Point } from './Chart'
import { ProofBadge } from './ProofBadge'
import { isOver } from './states'
import { When } from './When'

/** Of each channel, the newest: more is not seen in a picture of this width. */
const STEPS = 250

/** What this side had in channels, block by block of the ledger. */
export function BalanceHistory({ channels, proof }: { channels: Channel[]; proof: Proof<'channels'> }) {
  const { t } = useText()
  const { prover, suspect } = useNode()
  const [points, setPoints] = useState<Point[]>()
  // A history that has not grown is not read again: a hub has many, and few of them move at a time.
  const known = useRef(new Map<string, { length: bigint; history: WholeHistory }>())
  useEffect(() => {
    if (channels.length === 0) return
    let isCurrent = true
    const read = async () => {
      const histories: WholeHistory[] = []
      for (const { channelId, historyLength } of channels) {
        const before = known.current.get(channelId)
        if (before?.length === historyLength) {
          histories.push(before.history)
          continue
        }
        const from = Math.max(0, Number(historyLength) - STEPS)
        const { value } = await prover.read('history', channelId, from)
        if (!isCurrent) return
        const history = { channelId, entries: value.entries }
        known.current.set(channelId, { length: historyLength, history })
        histories.push(history)
      }
      if (isCurrent) setPoints(balanceOverTime(histories, isOver))
    }
    read().catch((error: unknown) => {
      if (error instanceof ReadError && error.kind === 'proof') suspect(error)
    })
    return () => {
      isCurrent = false
    }
  }, [channels, prover, suspect])
  const [first, last] = [points?.[0], points?.at(-1)]
  if (!points || !first || !last || points.length < 2) return null
  return (
    <section className="card">
      <header>
        <h2>{t.balanceOverTime}</h2>
        <span className="grow" />
        <ProofBadge proof={proof} brief />
      </header>
      <Chart points={points} label={t.balanceOverTime} from={<When height={first.at} />} to={<When height={last.at} />} />
    </section>
  )
}
