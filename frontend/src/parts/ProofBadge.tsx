import { useState } from 'react'

import { formatMoment } from '../format'
import type { State } from '../node/answers'
import type { Answer, Reading } from '../node/messages'
import { troubleOf } from '../story/trouble'
import { useText } from '../text'
import { Dialog } from './Dialog'
import { Icon } from './Icon'

/** What a badge needs of an answer: any reading has it. */
type Grounds = Pick<Answer<Reading>, 'block' | 'table'>

/** Says of what stands beside it whether it is proved; a click shows by what. */
export function ProofBadge({ proof, brief = false }: { proof: State<Grounds>; brief?: boolean }) {
  const { t } = useText()
  const [isOpen, setOpen] = useState(false)
  if (proof.state === 'checking') return <span className="badge checking">{t.checking}</span>
  if (proof.state !== 'proved') {
    const word = proof.state === 'refuted' ? t.refuted : t.unavailable
    const { words, detail } = troubleOf(t, proof.error)
    return (
      <span className={`badge ${proof.state}`} role="alert" title={[words, detail].filter(Boolean).join(' ')}>
        <Icon name="warning" />
        {word}
      </span>
    )
  }
  const { block } = proof.answer
  const label = `${t.provedAt} ${block.height}`
  return (
    <>
      <button
        type="button"
        className="badge proved"
        aria-haspopup="dialog"
        aria-label={label}
        onClick={() => setOpen(true)}
      >
        <Icon name="shield" />
        {!brief && <span className="long">{t.provedAt} </span>}
        {block.height}
      </button>
      {isOpen && <Grounds grounds={proof.answer} onClose={() => setOpen(false)} />}
    </>
  )
}

/** The chain of hashes from the value to the signature. */
function Grounds({ grounds: { block, table }, onClose }: { grounds: Grounds; onClose: () => void }) {
  const { t, language } = useText()
  return (
    <Dialog title={t.proofTitle} onClose={onClose}>
      <p>{t.proofMeaning}</p>
      <dl className="hashes">
        <dt>{t.table}</dt>
        <dd>{table.name}</dd>
        <dt>{t.tableRoot}</dt>
        <dd>{table.root}</dd>
        <dt>{t.stateHash}</dt>
        <dd>{block.stateHash}</dd>
        <dt>{t.blockHash}</dt>
        <dd>
          {block.height}: {block.hash}
        </dd>
        <dt>{t.signedAt}</dt>
        <dd>{formatMoment(block.time, language)}</dd>
      </dl>
    </Dialog>
  )
}

const RANKS = { refuted: 0, unavailable: 1, checking: 2, proved: 3 } as const

/** Of two answers that stand behind one thing: the one that is less sure. */
export function lesser(a: State<Grounds>, b: State<Grounds>): State<Grounds> {
  return RANKS[a.state] < RANKS[b.state] ? a : b
}

/** Beside a number that the ledger cannot prove: Bitcoin's chain, a peer's presence. */
export function NodesWord() {
  const { t } = useText()
  return (
    <span className="badge" title={t.nodesWordMeaning}>
      {t.nodesWord}
    </span>
  )
}
