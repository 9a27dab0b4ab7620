import type { Channel } from '@zarnitsa/light-client'
import { useMemo } from 'react'

import { ActivityList } from '../parts/ActivityList'
import { Amount, Sat } from '../parts/Amount'
import { Attention } from '../parts/Attention'
import { Awaited } from '../parts/Awaited'
import { BalanceHistory } from '../parts/BalanceHistory'
import { Empty } from '../parts/Empty'
import { Icon } from '../parts/Icon'
import { lesser, NodesWord, ProofBadge } from '../parts/ProofBadge'
import { isLive } from '../parts/states'
import { WhyBalance } from '../parts/WhyBalance'
import { percent } from '../format'
import type { Balance } from '../node/api'
import { useNode, usePlain, useProved, type Proof } from '../node/context'
import { Link } from '../router'
import { activity } from '../story/activity'
import { useText } from '../text'

const RECENT = 7

export function Home() {
  const { t } = useText()
  const { api } = useNode()
  const channels = useProved('channels')
  const payments = useProved('payments')
  const invoices = useProved('invoices')
  const chain = usePlain(api.balance, 20_000)
  const live = useMemo(() => channels.answer?.value.filter(({ state }) => isLive(state)) ?? [], [channels.answer])
  const recent = useMemo(() => {
    const [sent, received] = [payments.answer?.value.items, invoices.answer?.value.items]
    return sent && received && activity(sent, received, Date.now()).slice(0, RECENT)
  }, [payments.answer, invoices.answer])
  return (
    <>
      <h1 tabIndex={-1}>{t.home}</h1>
      <div className="grid wide-left">
        <section className="card hero">
          <Total channels={live} chain={chain} proof={channels} />
          <div className="buttons">
            <Link to="/pay" className="button">
              <Icon name="pay" /> {t.pay}
            </Link>
            <Link to="/receive" className="button plain">
              <Icon name="receive" /> {t.receive}
            </Link>
          </div>
        </section>
        <Attention channels={channels.answer?.value} invoices={invoices.answer?.value.items} />
      </div>
      <div className="grid">
        <InChannels channels={live} proof={channels} />
        <OnChain chain={chain} />
      </div>
      <BalanceHistory channels={channels.answer?.value ?? []} proof={channels} />
      <section className="card flush">
        <header>
          <h2>{t.recent}</h2>
          <ProofBadge proof={lesser(payments, invoices)} brief />
          <span className="grow" />
          <Link to="/payments">{t.all}</Link>
        </header>
        <Awaited proof={lesser(payments, invoices)} />
        {recent?.length === 0 ? <Empty icon="list" text={t.noPayments} /> : <ActivityList items={recent ?? []} />}
      </section>
    </>
  )
}

function sum(channels: Channel[], pick: (channel: Channel) => bigint): bigint {
  return channels.reduce((total, channel) => total + pick(channel), 0n)
}

/** All of it, and where it lies. */
function Total({ channels, chain, proof }: { channels: Channel[]; chain: Balance | undefined; proof: Proof<'channels'> }) {
  const { t } = useText()
  if (!proof.answer) return <Awaited proof={proof} />
  if (!chain) return <p className="soft">{t.loading}</p>
  const inChannels = sum(channels, ({ localMsat, offeredMsat }) => localMsat + offeredMsat)
  const onChain = BigInt(chain.onchain_sat + chain.onchain_unconfirmed_sat) * 1_000n
  const closing = BigInt(chain.pending_close_sat) * 1_000n
  const total = inChannels + onChain + closing
  return (
    <div className="stack">
      <div className="stack tight">
        <h2 className="soft">{t.total}</h2>
        <p className="big">
          <Amount msat={total} />
        </p>
      </div>
      <div className="bar" role="img" aria-label={`${t.inChannels} ${percent(inChannels, total)}%, ${t.onChain} ${percent(onChain, total)}%`}>
        <span className="ours" style={{ width: `${percent(inChannels, total)}%` }} />
        <span className="chain" style={{ width: `${percent(onChain, total)}%` }} />
        <span className="flight" style={{ width: `${percent(closing, total)}%` }} />
      </div>
      <p className="legend">
        <span>
          <span className="swatch ours" />
          {t.inChannels} <ProofBadge proof={proof} brief />
        </span>
        <span>
          <span className="swatch chain" />
          {t.onChain} <NodesWord />
        </span>
        {closing > 0n && (
          <span>
            <span className="swatch flight" />
            {t.pendingClose} <Amount msat={closing} /> <NodesWord />
          </span>
        )}
      </p>
    </div>
  )
}

function InChannels({ channels, proof }: { channels: Channel[]; proof: Proof<'channels'> }) {
  const { t } = useText()
  const local = sum(channels, ({ localMsat }) => localMsat)
  const remote = sum(channels, ({ remoteMsat }) => remoteMsat)
  const flight = sum(channels, ({ offeredMsat, receivedMsat }) => offeredMsat + receivedMsat)
  const whole = local + remote + flight
  return (
    <section className="card">
      <header>
        <h2>{t.inChannels}</h2>
        <span className="grow" />
        <ProofBadge proof={proof} />
      </header>
      <Awaited proof={proof} />
      {proof.answer && (
        <div className="stack">
          <div className="sides">
            <span className="stack tight">
              <small>{t.ours}</small>
              <span className="middle">
                <WhyBalance channels={channels}>
                  <Amount msat={local} />
                </WhyBalance>
              </span>
            </span>
            <span className="stack tight">
              <small>{t.theirs}</small>
              <span className="middle">
                <Amount msat={remote} />
              </span>
            </span>
          </div>
          <div className="bar" role="img" aria-label={`${t.ours} ${percent(local, whole)}%`}>
            <span className="ours" style={{ width: `${percent(local, whole)}%` }} />
            {flight > 0n && <span className="flight" style={{ width: `${percent(flight, whole)}%` }} />}
          </div>
          {flight > 0n && (
            <p className="soft">
              {t.inFlight}: <Amount msat={flight} />
            </p>
          )}
        </div>
      )}
    </section>
  )
}

function OnChain({ chain }: { chain: Balance | undefined }) {
  const { t } = useText()
  return (
    <section className="card">
      <header>
        <h2>{t.onChain}</h2>
        <span className="grow" />
        <NodesWord />
      </header>
      {chain && (
        <div className="stack tight">
          <small>{t.spendable}</small>
          <span className="middle">
            <Sat sat={chain.onchain_sat} />
          </span>
          {chain.onchain_unconfirmed_sat > 0 && (
            <span className="soft">
              {t.unconfirmed}: <Sat sat={chain.onchain_unconfirmed_sat} />
            </span>
          )}
          <Link to="/wallet">{t.toWallet}</Link>
        </div>
      )}
    </section>
  )
}
