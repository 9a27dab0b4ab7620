import { Amount } from '../parts/Amount'
import { ProofBadge } from '../parts/ProofBadge'
import { shorten } from '../format'
import { useNode, usePlain, useProved } from '../node/context'
import { useText } from '../text'

const OVER = new Set(['closed', 'failed'])

export function Home() {
  const { t } = useText()
  const { api } = useNode()
  const channels = useProved('channels')
  const payments = useProved('payments')
  const chain = usePlain(api.balance)
  const live = channels.answer?.value.filter(({ state }) => !OVER.has(state)) ?? []
  const sum = (pick: (channel: (typeof live)[number]) => bigint) => live.reduce((total, c) => total + pick(c), 0n)
  const newest = [...(payments.answer?.value.items ?? [])]
    .sort((a, b) => Number(b.updatedHeight - a.updatedHeight))
    .slice(0, 10)

  return (
    <>
      <h1>{t.home}</h1>
      <section className="cards">
        <article>
          <h2>{t.inChannels}</h2>
          {channels.answer && (
            <>
              <p className="big">
                <Amount msat={sum((c) => c.localMsat)} />
              </p>
              <p>
                {t.canReceive}: <Amount msat={sum((c) => c.remoteMsat)} />
              </p>
              <p>
                {t.inFlight}: <Amount msat={sum((c) => c.offeredMsat + c.receivedMsat)} />
              </p>
            </>
          )}
          <ProofBadge proof={channels} />
        </article>
        <article>
          <h2>{t.onChain}</h2>
          {chain && (
            <>
              <p className="big">
                <Amount msat={BigInt(chain.onchain_sat) * 1000n} />
              </p>
              {chain.onchain_unconfirmed_sat > 0 && (
                <p>
                  {t.unconfirmed}: <Amount msat={BigInt(chain.onchain_unconfirmed_sat) * 1000n} />
                </p>
              )}
              {chain.pending_close_sat > 0 && (
                <p>
                  {t.pendingClose}: <Amount msat={BigInt(chain.pending_close_sat) * 1000n} />
                </p>
              )}
            </>
          )}
        </article>
      </section>
      <h2>
        {t.recent} <ProofBadge proof={payments} />
      </h2>
      {newest.length === 0 && <p>{t.nothingYet}</p>}
      <ul className="rows">
        {newest.map((payment) => (
          <li key={payment.paymentHash}>
            <span className={`state ${payment.status}`}>{payment.status}</span>
            <code>{shorten(payment.paymentHash)}</code>
            <Amount msat={-payment.amountMsat} />
          </li>
        ))}
      </ul>
    </>
  )
}
