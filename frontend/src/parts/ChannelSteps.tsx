import type { HistoryEntry } from '@zarnitsa/light-client'
import { MAX_HISTORY } from '@zarnitsa/light-client/page'
import { useCallback, useState } from 'react'

import { useProved } from '../node/context'
import { Link } from '../router'
import { useText } from '../text'
import { Amount } from './Amount'
import { ProofBadge } from './ProofBadge'
import { Virtual } from './Virtual'

const ROW = 34

/** Every step of a channel, however many: pages are read and proved as they come into sight. */
export function ChannelSteps({ channelId, length }: { channelId: string; length: number }) {
  const { t, language } = useText()
  const [seen, setSeen] = useState<[from: number, to: number]>([0, 0])
  const page = Math.floor(seen[0] / MAX_HISTORY) * MAX_HISTORY
  // What is seen may lie across two pages; a channel of one page asks the same twice and is answered once.
  const nextPage = Math.floor(Math.max(0, seen[1] - 1) / MAX_HISTORY) * MAX_HISTORY
  const first = useProved('history', channelId, page)
  const second = useProved('history', channelId, nextPage)
  const onRange = useCallback((from: number, to: number) => setSeen([from, to]), [])
  const entryAt = (step: number): HistoryEntry | undefined => {
    for (const { answer } of [first, second]) {
      const found = answer && answer.value.entries[step - answer.value.from]
      if (found && step >= answer.value.from) return found
    }
    return undefined
  }
  return (
    <section className="card flush">
      <header>
        <h2>{t.history}</h2>
        <span className="count">{length.toLocaleString(language)}</span>
        <span className="grow" />
        <ProofBadge proof={first} />
      </header>
      <div className="scroll">
        <div className="step-table">
          <div className="line step step-head" style={{ display: 'grid' }} aria-hidden="true">
            <span>№</span>
            <span>{t.step}</span>
            <span>{t.amount}</span>
            <span>{t.ours}</span>
            <span>{t.theirsOne}</span>
            <span>{t.block}</span>
          </div>
          <Virtual count={length} row={ROW} label={t.history} onRange={onRange} className="steps-list">
            {(step) => <Step step={step} entry={entryAt(step)} />}
          </Virtual>
        </div>
      </div>
    </section>
  )
}

function Step({ step, entry }: { step: number; entry: HistoryEntry | undefined }) {
  const { t } = useText()
  const kinds: Record<string, string> = t.kinds
  const actors: Record<string, string> = t.actors
  return (
    <div className="step" style={{ display: 'grid' }}>
      <span className="soft">{step}</span>
      {entry && (
        <>
          <span>
            <Link to={`/ledger/transactions/${entry.txHash}`}>{kinds[entry.kind] ?? entry.kind}</Link>{' '}
            <small>{actors[entry.by] ?? entry.by}</small>
          </span>
          <span>{entry.amountMsat > 0n && <Amount msat={entry.amountMsat} />}</span>
          <Amount msat={entry.localMsat} />
          <Amount msat={entry.remoteMsat} />
          <Link to={`/ledger/blocks/${entry.height}`}>{entry.height.toString()}</Link>
        </>
      )}
    </div>
  )
}
