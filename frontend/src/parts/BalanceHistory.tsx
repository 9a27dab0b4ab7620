import type { Channel } from '@zarnitsa/light-client'
import { MAX_HISTORY } from '@zarnitsa/light-client/page'
import { useEffect, useState } from 'react'

import { useNode } from '../node/context'
import { ReadError } from '../node/prover'
import { balanceOverTime, type WholeHistory } from '../story/balance'
import { useText } from '../text'
import { Chart, type Point } from './Chart'
import { isOver } from './states'
import { When } from './When'

/** What this side had in channels, block by block of the ledger. */
export function BalanceHistory({ channels }: { channels: Channel[] }) {
  const { t } = useText()
  const { prover, suspect } = useNode()
  const [points, setPoints] = useState<Point[]>()
  useEffect(() => {
    if (channels.length === 0) return
    let isCurrent = true
    const read = async () => {
      const histories: WholeHistory[] = []
      for (const { channelId, historyLength } of channels) {
        const from = Math.max(0, Number(historyLength) - MAX_HISTORY)
        const { value } = await prover.read('history', channelId, from)
        histories.push({ channelId, entries: value.entries })
      }
      if (isCurrent) setPoints(balanceOverTime(histories, isOver))
    }
    read().catch((error: unknown) => {
      if (error instanceof ReadError && error.kind === 'proof') suspect(error.message)
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
      </header>
      <Chart points={points} label={t.balanceOverTime} from={<When height={first.at} />} to={<When height={last.at} />} />
    </section>
  )
}
