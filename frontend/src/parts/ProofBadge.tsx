import { useRef } from 'react'

import type { Proof } from '../node/context'
import type { Reading } from '../node/messages'
import { useText } from '../text'

/** Says of what stands beside it whether it is proved; a click shows by what. */
export function ProofBadge({ proof }: { proof: Proof<Reading> }) {
  const { t } = useText()
  const dialog = useRef<HTMLDialogElement>(null)
  if (proof.state === 'checking') return <span className="badge">{t.checking}</span>
  if (proof.state !== 'proved') {
    const word = proof.state === 'refuted' ? t.refuted : t.unavailable
    return (
      <span className={`badge ${proof.state}`} role="alert" title={proof.reason}>
        {word}
      </span>
    )
  }
  const { block, table } = proof.answer
  return (
    <>
      <button type="button" className="badge proved" onClick={() => dialog.current?.showModal()}>
        ✓ {t.provedAt} {block.height}
      </button>
      <dialog ref={dialog} aria-label={t.proofTitle}>
        <h2>{t.proofTitle}</h2>
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
          <dd>{block.time.toLocaleString()}</dd>
        </dl>
        <button type="button" onClick={() => dialog.current?.close()}>
          {t.close}
        </button>
      </dialog>
    </>
  )
}
