import type { Forward } from '@zarnitsa/light-client'
import { useMemo } from 'react'

import { Amount } from '../parts/Amount'
import { Awaited } from '../parts/Awaited'
import { Empty } from '../parts/Empty'
import { Icon } from '../parts/Icon'
import { ProofBadge } from '../parts/ProofBadge'
import { StatePill } from '../parts/StatePill'
import { When } from '../parts/When'
import { shorten, strangersText } from '../format'
import { useNode, useProved } from '../node/context'
import { blockTimes } from '../node/whole'
import { Link } from '../router'
import { saveFile } from '../story/csv'
import { forwardsCsv } from '../story/forwards'
import { useText } from '../text'

const SHOWN = 200

/** Payments that passed through this node, and what they brought. */
export function Forwards() {
  const { t } = useText()
  const { prover } = useNode()
  const proof = useProved('forwards')
  const forwards = useMemo(
    () => proof.answer && [...proof.answer.value.items].sort((a, b) => Number(b.updatedHeight - a.updatedHeight)),
    [proof.answer],
  )
  const succeeded = forwards?.filter(({ status }) => status === 'succeeded') ?? []
  const sum = (pick: (forward: Forward) => bigint) => succeeded.reduce((total, forward) => total + pick(forward), 0n)
  const save = async () => {
    const times = await blockTimes(prover, (forwards ?? []).map(({ updatedHeight }) => updatedHeight))
    saveFile('zarnitsa-forwards.csv', 'text/csv', forwardsCsv(forwards ?? [], (height) => times.get(height)))
  }
  return (
    <>
      <div className="title">
        <h1 tabIndex={-1}>{t.forwards}</h1>
        <ProofBadge proof={proof} />
        <span className="grow" />
        {forwards && forwards.length > 0 && (
          <button type="button" className="plain small" onClick={() => void save()}>
            <Icon name="download" /> CSV
          </button>
        )}
      </div>
      <Awaited proof={proof} />
      {proof.answer?.value.complete === false && <p className="soft">{t.newestOnly}</p>}
      {forwards?.length === 0 && <Empty icon="forwards" text={t.noForwards} />}
      {forwards && forwards.length > 0 && (
        <>
          <div className="grid">
            <section className="card stack tight">
              <small>{t.earned}</small>
              <span className="middle">
                <Amount msat={sum(({ feeMsat }) => feeMsat)} />
              </span>
            </section>
            <section className="card stack tight">
              <small>{t.carried}</small>
              <span className="middle">
                <Amount msat={sum(({ outgoingMsat }) => outgoingMsat)} />
              </span>
            </section>
          </div>
          <Table forwards={forwards.slice(0, SHOWN)} />
        </>
      )}
    </>
  )
}

function Table({ forwards }: { forwards: Forward[] }) {
  const { t } = useText()
  return (
    <section className="card flush scroll">
      <table className="stacked">
        <thead>
          <tr>
            <th scope="col">{t.lastChange}</th>
            <th scope="col">{t.payment}</th>
            <th scope="col">{t.cameBy}</th>
            <th scope="col">{t.wentBy}</th>
            <th scope="col" className="number">
              {t.amount}
            </th>
            <th scope="col" className="number">
              {t.fee}
            </th>
            <th scope="col">{t.state}</th>
          </tr>
        </thead>
        <tbody>
          {forwards.map((forward) => (
            <tr key={`${forward.paymentHash}${forward.incomingChannelId}${forward.createdHeight}`}>
              <td data-label={t.lastChange}>
                <When height={forward.updatedHeight} />
              </td>
              <td data-label={t.payment}>
                <code title={forward.paymentHash}>{shorten(forward.paymentHash)}</code>
              </td>
              <td data-label={t.cameBy}>
                <Link to={`/channels/${forward.incomingChannelId}`}>{shorten(forward.incomingChannelId)}</Link>
              </td>
              <td data-label={t.wentBy}>
                <Link to={`/channels/${forward.outgoingChannelId}`}>{shorten(forward.outgoingChannelId)}</Link>
              </td>
              <td className="number" data-label={t.amount}>
                <Amount msat={forward.outgoingMsat} />
              </td>
              <td className="number" data-label={t.fee}>
                <Amount msat={forward.feeMsat} />
              </td>
              <td data-label={t.state} title={forward.failure && strangersText(forward.failure)}>
                <StatePill state={forward.status} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
