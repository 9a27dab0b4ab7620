import type { Invoice, Payment as Sent } from '@zarnitsa/light-client'
import { descriptionOf } from '@zarnitsa/light-client/page'
import { useState, type ReactNode } from 'react'

import { Amount } from '../parts/Amount'
import { Awaited } from '../parts/Awaited'
import { Command } from '../parts/Command'
import { CopyText } from '../parts/CopyText'
import { Empty } from '../parts/Empty'
import { Failure } from '../parts/Failure'
import { HeldInvoice } from '../parts/HeldInvoice'
import { Icon } from '../parts/Icon'
import { NodesWord, ProofBadge } from '../parts/ProofBadge'
import { StatePill } from '../parts/StatePill'
import { Trouble } from '../parts/Trouble'
import { When } from '../parts/When'
import { formatMoment, strangersText } from '../format'
import { useNode, useOrder, usePlain, useProved } from '../node/context'
import { Link } from '../router'
import { ofInvoice } from '../story/activity'
import { saveFile } from '../story/csv'
import { useText } from '../text'

/** One payment, sent or received. */
export function Payment({ kind, paymentHash }: { kind: 'sent' | 'received'; paymentHash: string }) {
  const { t } = useText()
  return (
    <>
      <Link to="/payments" className="back" exact>
        <Icon name="back" /> {t.payments}
      </Link>
      {kind === 'sent' ? <SentPayment paymentHash={paymentHash} /> : <ReceivedPayment paymentHash={paymentHash} />}
    </>
  )
}

function SentPayment({ paymentHash }: { paymentHash: string }) {
  const { t } = useText()
  const proof = useProved('payment', paymentHash)
  const payment = proof.answer?.value
  return (
    <>
      <Title text={t.sentPayment} status={payment?.status} badge={<ProofBadge proof={proof} />} />
      <Awaited proof={proof} />
      {proof.state === 'proved' && !payment && <Empty icon="search" text={t.neverPaid} />}
      {payment && (
        <>
          <section className="card stack">
            <p className="big">
              <Amount msat={payment.amountMsat} />
            </p>
            {payment.failure !== undefined && <Failure reason={payment.failure} />}
            <SentFacts payment={payment} />
            {payment.status === 'succeeded' && <Receipt kind="sent" paymentHash={paymentHash} />}
          </section>
          <Route paymentHash={paymentHash} />
        </>
      )}
    </>
  )
}

function SentFacts({ payment }: { payment: Sent }) {
  const { t } = useText()
  const description = descriptionOf(payment.invoice)
  return (
    <dl className="facts">
      {description && (
        <>
          <dt>{t.description}</dt>
          <dd>{strangersText(description)}</dd>
        </>
      )}
      <dt>{t.fee}</dt>
      <dd>
        <Amount msat={payment.feeMsat} /> <small>({t.atMost} <Amount msat={payment.maxFeeMsat} />)</small>
      </dd>
      <dt>{t.payee}</dt>
      <dd>
        <CopyText text={payment.payee} />
      </dd>
      <dt>{t.ordered}</dt>
      <dd>
        <When height={payment.createdHeight} />
        {payment.attempt > 1 && <small> ({t.attempts(payment.attempt)})</small>}
      </dd>
      <dt>{t.lastChange}</dt>
      <dd>
        <When height={payment.updatedHeight} />,{' '}
        <Link to={`/ledger/blocks/${payment.updatedHeight}`}>
          {t.block.toLowerCase()} {payment.updatedHeight.toString()}
        </Link>
      </dd>
      <Secrets paymentHash={payment.paymentHash} preimage={payment.preimage} invoice={payment.invoice} />
    </dl>
  )
}

function ReceivedPayment({ paymentHash }: { paymentHash: string }) {
  const { t } = useText()
  const order = useOrder()
  const proof = useProved('invoice', paymentHash)
  const invoice = proof.answer?.value
  const status = invoice && ofInvoice(invoice, Date.now()).status
  return (
    <>
      <Title text={t.receivedPayment} status={status} badge={<ProofBadge proof={proof} />} />
      <Awaited proof={proof} />
      {proof.state === 'proved' && !invoice && <Empty icon="search" text={t.noSuchInvoice} />}
      {invoice && (
        <section className="card stack">
          <p className="big">
            {invoice.status === 'paid' || status === 'held' ? (
              <Amount msat={invoice.receivedMsat} />
            ) : invoice.amountMsat === undefined ? (
              t.anyAmountShort
            ) : (
              <Amount msat={invoice.amountMsat} />
            )}
          </p>
          <ReceivedFacts invoice={invoice} />
          {invoice.status === 'paid' && <Receipt kind="received" paymentHash={paymentHash} />}
          {status === 'held' && <HeldInvoice invoice={invoice} />}
          {status === 'open' && (
            <Command label={t.cancelInvoice} act={() => order('cancelInvoice', paymentHash)} />
          )}
        </section>
      )}
    </>
  )
}

function ReceivedFacts({ invoice }: { invoice: Invoice }) {
  const { t, language } = useText()
  return (
    <dl className="facts">
      <dt>{t.description}</dt>
      <dd>{strangersText(invoice.description) || <span className="soft">{invoice.keysend ? t.unasked : t.noDescription}</span>}</dd>
      <dt>{t.created}</dt>
      <dd>{formatMoment(invoice.createdAt, language)}</dd>
      <dt>{t.expires}</dt>
      <dd>{formatMoment(invoice.expiresAt, language)}</dd>
      <dt>{t.lastChange}</dt>
      <dd>
        <When height={invoice.updatedHeight} />,{' '}
        <Link to={`/ledger/blocks/${invoice.updatedHeight}`}>
          {t.block.toLowerCase()} {invoice.updatedHeight.toString()}
        </Link>
      </dd>
      <Secrets paymentHash={invoice.paymentHash} preimage={invoice.preimage} invoice={invoice.invoice} />
    </dl>
  )
}

function Secrets({ paymentHash, preimage, invoice }: { paymentHash: string; preimage: string | undefined; invoice: string }) {
  const { t } = useText()
  return (
    <>
      <dt>{t.paymentHash}</dt>
      <dd>
        <CopyText text={paymentHash} />
      </dd>
      {preimage && (
        <>
          <dt>{t.preimage}</dt>
          <dd>
            <CopyText text={preimage} />
          </dd>
        </>
      )}
      {invoice && (
        <>
          <dt>{t.invoice}</dt>
          <dd>
            <CopyText text={invoice} />
          </dd>
        </>
      )}
    </>
  )
}

function Title({ text, status, badge }: { text: string; status: string | undefined; badge: ReactNode }) {
  return (
    <div className="title">
      <h1 tabIndex={-1}>{text}</h1>
      {status && <StatePill state={status} />}
      {badge}
    </div>
  )
}

/** The receipt as one file: whoever gets it can check it without this node. */
function Receipt({ kind, paymentHash }: { kind: 'sent' | 'received'; paymentHash: string }) {
  const { t } = useText()
  const { prover } = useNode()
  const [trouble, setTrouble] = useState<unknown>()
  const save = async () => {
    const receipt = await prover.read('receipt', kind, paymentHash)
    saveFile(`zarnitsa-receipt-${paymentHash.slice(0, 12)}.json`, 'application/json', `${JSON.stringify(receipt, null, 2)}\n`)
  }
  return (
    <div className="stack tight">
      <div className="buttons">
        <button
          type="button"
          className="plain"
          onClick={() => void save().catch(setTrouble)}
        >
          <Icon name="download" /> {t.receipt}
        </button>
        <a className="button plain" href="/receipt.html" download="zarnitsa-receipts.html">
          <Icon name="download" /> {t.receiptPage}
        </a>
      </div>
      <p className="soft">{t.receiptText}</p>
      {trouble !== undefined && <Trouble error={trouble} />}
    </div>
  )
}

/** The way that the payment took. */
function Route({ paymentHash }: { paymentHash: string }) {
  const { t } = useText()
  const { api } = useNode()
  const route = usePlain(api.payments)?.find((payment) => payment.payment_hash === paymentHash)?.route ?? []
  if (route.length === 0) return null
  return (
    <section className="card">
      <header>
        <h2>{t.route}</h2>
        <span className="grow" />
        <NodesWord />
      </header>
      <ol className="timeline">
        {route.map((hop) => (
          <li key={hop.node_id} className="many">
            <CopyText text={hop.node_id} />
            <small>
              {hop.short_channel_id ?? t.directChannel}, <Amount msat={BigInt(hop.amount_msat)} />
            </small>
          </li>
        ))}
      </ol>
    </section>
  )
}
