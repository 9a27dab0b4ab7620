import type { Channel } from '@zarnitsa/light-client'
import { useEffect, useState, type ReactNode } from 'react'

import { useNode } from '../node/context'
import { ReadError } from '../node/prover'
import { blockTimes, wholeHistories } from '../node/whole'
import { shorten } from '../format'
import { moves, movesCsv, type Move } from '../story/balance'
import { saveFile } from '../story/csv'
import { Link } from '../router'
import { useText, type Text } from '../text'
import { Amount } from './Amount'
import { Dialog } from './Dialog'
import { Icon } from './Icon'
import { isOver } from './states'
import { Trouble } from './Trouble'
import { Virtual } from './Virtual'

const ROW = 44

/** A balance that tells, when it is asked, of what it is the sum. */
export function WhyBalance({ channels, children }: { channels: Channel[]; children: ReactNode }) {
  const { t } = useText()
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <button type="button" className="why" aria-haspopup="dialog" title={t.whyThis} onClick={() => setOpen(true)}>
        {children}
      </button>
      {isOpen && (
        <Dialog title={t.whyThis} onClose={() => setOpen(false)}>
          <Reasons channels={channels} />
        </Dialog>
      )}
    </>
  )
}

function Reasons({ channels }: { channels: Channel[] }) {
  const { t } = useText()
  const { prover, suspect } = useNode()
  const [list, setList] = useState<Move[]>()
  const [trouble, setTrouble] = useState<unknown>()
  useEffect(() => {
    let isCurrent = true
    wholeHistories(prover, channels).then(
      (histories) => isCurrent && setList(moves(histories, isOver)),
      (error: unknown) => {
        if (error instanceof ReadError && error.kind === 'proof') suspect(error)
        if (isCurrent) setTrouble(error)
      },
    )
    return () => {
      isCurrent = false
    }
    // What is asked is why the balance is what it was at the click.
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- a newer balance has another reason
  }, [])
  if (trouble !== undefined) return <Trouble error={trouble} />
  if (!list) return <p className="soft">{t.checking}…</p>
  const save = async () => {
    const times = await blockTimes(prover, list.map(({ height }) => height))
    saveFile('zarnitsa-balance.csv', 'text/csv', movesCsv(list, (height) => times.get(height)))
  }
  const sum = list.at(-1)?.totalMsat ?? 0n
  return (
    <>
      <p>{t.whyText}</p>
      <Virtual count={list.length} row={ROW} label={t.whyThis} start="end">
        {(at) => <Reason key={at} move={list[at]!} isOneOfMany={channels.length > 1} />}
      </Virtual>
      <div className="row spread">
        <strong>
          {t.sum}: <Amount msat={sum} />
        </strong>
        <button type="button" className="plain small" onClick={() => void save()}>
          <Icon name="download" /> CSV
        </button>
      </div>
    </>
  )
}

function Reason({ move, isOneOfMany }: { move: Move; isOneOfMany: boolean }) {
  const { t } = useText()
  return (
    <div className="row spread" style={{ width: '100%', flexWrap: 'nowrap' }}>
      <span>
        {whatMoved(t, move)}{' '}
        <small>
          {isOneOfMany && `${shorten(move.channelId)}, `}
          <Link to={`/ledger/transactions/${move.txHash}`}>
            {t.block.toLowerCase()} {move.height.toString()}
          </Link>
        </small>
      </span>
      <span>
        <Amount msat={move.deltaMsat} signed />
      </span>
    </div>
  )
}

/** A payment moves the balance with the commitment that takes it in. */
function whatMoved(t: Text, { kind, deltaMsat }: Move): string {
  const words: Record<string, string> = t.kinds
  if (kind === 'opening' || kind === 'closing' || kind === 'chain') return words[kind] ?? kind
  return deltaMsat > 0n ? t.paymentIn : t.paymentOut
}
