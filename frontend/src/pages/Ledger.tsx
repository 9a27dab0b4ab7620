import { useState } from 'react'

import { CopyText } from '../parts/CopyText'
import { Empty } from '../parts/Empty'
import { Moment } from '../parts/When'
import { ProofBadge } from '../parts/ProofBadge'
import { useLookup, useNode, useProved } from '../node/context'
import { go, Link } from '../router'
import { useText } from '../text'

const PAGE = 25

/** The ledger's blocks, each with its signature checked and linked to the one before it. */
export function Ledger() {
  const { t, language } = useText()
  const { info } = useNode()
  const head = useProved('policy')
  const newest = head.answer?.block.height
  const [chosen, setChosen] = useState<number>()
  const latest = chosen === undefined ? newest : Math.min(chosen, newest ?? chosen)
  const { answer: blocks, state } = useLookup('blocks', latest, PAGE)
  return (
    <>
      <div className="title">
        <h1 tabIndex={-1}>{t.ledger}</h1>
        <ProofBadge proof={head} />
        <span className="grow" />
        <Find />
      </div>
      <p className="soft">
        {t.ledgerText} {t.validator} <CopyText text={info.validator_key} />
      </p>
      <section className="card flush scroll" aria-busy={state === 'checking'}>
        <table className="stacked">
          <thead>
            <tr>
              <th scope="col">{t.height}</th>
              <th scope="col">{t.signedAt}</th>
              <th scope="col" className="number">
                {t.transactions}
              </th>
              <th scope="col">{t.blockHash}</th>
              <th scope="col">{t.stateHash}</th>
            </tr>
          </thead>
          <tbody>
            {blocks?.map((block) => (
              <tr key={block.height}>
                <td data-label={t.height}>
                  <Link to={`/ledger/blocks/${block.height}`}>{block.height.toLocaleString(language)}</Link>
                </td>
                <td data-label={t.signedAt}>
                  <Moment time={block.time} language={language} />
                </td>
                <td className="number" data-label={t.transactions}>{block.txCount}</td>
                <td data-label={t.blockHash}>
                  <CopyText text={block.hash} />
                </td>
                <td data-label={t.stateHash} className="wide-only">
                  <CopyText text={block.stateHash} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        {!blocks && <p className="empty">{state === 'checking' ? `${t.checking}…` : t.unavailable}</p>}
        {blocks?.length === 0 && <Empty icon="ledger" text={t.nothingYet} />}
      </section>
      {newest !== undefined && latest !== undefined && (
        <div className="buttons">
          <button type="button" className="plain small" disabled={latest >= newest} onClick={() => setChosen(latest + PAGE >= newest ? undefined : latest + PAGE)}>
            {t.newer}
          </button>
          <button type="button" className="plain small" disabled={latest <= PAGE} onClick={() => setChosen(latest - PAGE)}>
            {t.older}
          </button>
        </div>
      )}
    </>
  )
}

/** By height or by a transaction's hash. */
function Find() {
  const { t } = useText()
  const [text, setText] = useState('')
  const wanted = text.trim().toLowerCase()
  const path = /^\d{1,15}$/.test(wanted) ? `/ledger/blocks/${wanted}` : /^[0-9a-f]{64}$/.test(wanted) ? `/ledger/transactions/${wanted}` : undefined
  return (
    <form
      role="search"
      style={{ minWidth: 'min(20rem, 100%)' }}
      onSubmit={(event) => {
        event.preventDefault()
        if (path) go(path)
      }}
    >
      <label>
        <span className="visually-hidden">{t.findInLedger}</span>
        <input type="search" value={text} placeholder={t.findInLedger} onChange={({ target }) => setText(target.value)} />
      </label>
    </form>
  )
}
