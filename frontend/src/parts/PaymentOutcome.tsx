import { useProved } from '../node/context'
import { Link } from '../router'
import { useText } from '../text'
import { Amount } from './Amount'
import { CopyText } from './CopyText'
import { Failure } from './Failure'
import { Icon } from './Icon'
import { ProofBadge } from './ProofBadge'

/** What became of a payment: the ledger's word, proved. */
export function PaymentOutcome({ paymentHash, onAgain }: { paymentHash: string; onAgain: () => void }) {
  const { t } = useText()
  const proof = useProved('payment', paymentHash)
  const payment = proof.answer?.value
  if (!payment) return <p className="soft">{t.checking}…</p>
  const words: Record<string, string> = { succeeded: t.paid, failed: t.failed, pending: t.paying }
  return (
    <section className="card stack" role="status">
      <div className="row">
        <span className={`round ${payment.status === 'succeeded' ? 'in' : payment.status === 'failed' ? 'bad' : ''}`}>
          <Icon name={payment.status === 'succeeded' ? 'check' : payment.status === 'failed' ? 'close' : 'clock'} />
        </span>
        <h2>{words[payment.status] ?? payment.status}</h2>
        <ProofBadge proof={proof} />
      </div>
      <p className="big">
        <Amount msat={payment.amountMsat} />
      </p>
      {payment.failure !== undefined && <Failure reason={payment.failure} />}
      <dl className="facts">
        <dt>{t.fee}</dt>
        <dd>
          <Amount msat={payment.feeMsat} />
        </dd>
        {payment.preimage && (
          <>
            <dt>{t.preimage}</dt>
            <dd>
              <CopyText text={payment.preimage} />
            </dd>
          </>
        )}
      </dl>
      <div className="buttons">
        <button type="button" onClick={onAgain}>
          {t.payAnother}
        </button>
        <Link to={`/payments/sent/${paymentHash}`} className="button plain">
          {t.details}
        </Link>
      </div>
    </section>
  )
}
