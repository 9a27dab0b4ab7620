import { useState } from 'react'

import { Amount } from '../parts/Amount'
import { Command, Field } from '../parts/Command'
import { CopyText } from '../parts/CopyText'
import { ProofBadge } from '../parts/ProofBadge'
import { parseSat, readInvoiceText } from '../format'
import type { Payment } from '../node/api'
import { useNode, useProved } from '../node/context'
import { useText } from '../text'

export function Pay() {
  const { t } = useText()
  const { api } = useNode()
  const [text, setText] = useState('')
  const [amount, setAmount] = useState('')
  const [payment, setPayment] = useState<Payment>()
  const read = readInvoiceText(text)
  const pay = async () => {
    if (!read) throw new Error(t.notAnInvoice)
    const msat = read.isOpen ? parseSat(amount) : undefined
    if (read.isOpen && !msat) throw new Error(t.amountWrong)
    setPayment(undefined)
    setPayment(await api.pay(read.invoice, msat))
  }
  return (
    <>
      <h1>{t.pay}</h1>
      <Command label={t.payNow} busy={t.paying} act={pay}>
        <Field label={t.invoice} hint={t.invoiceHint} value={text} onChange={setText} />
        {text !== '' && !read && <p>{t.notAnInvoice}</p>}
        {read?.isOpen && <Field label={t.amountSat} value={amount} onChange={setAmount} />}
      </Command>
      {payment && <Outcome payment={payment} />}
    </>
  )
}

function Outcome({ payment }: { payment: Payment }) {
  const { t } = useText()
  const proof = useProved('payment', payment.payment_hash)
  const proved = proof.answer?.value
  const outcome = { succeeded: t.paid, failed: t.failed, pending: t.paying }[payment.status]
  return (
    <section role="status">
      <h2>
        {outcome} <ProofBadge proof={proof} />
      </h2>
      {payment.failure && <p>{payment.failure.message}</p>}
      {proved && (
        <dl className="facts">
          <dt>{t.amountSat}</dt>
          <dd>
            <Amount msat={proved.amountMsat} />
          </dd>
          <dt>{t.fee}</dt>
          <dd>
            <Amount msat={proved.feeMsat} />
          </dd>
          {proved.preimage && (
            <>
              <dt>{t.preimage}</dt>
              <dd>
                <CopyText text={proved.preimage} />
              </dd>
            </>
          )}
        </dl>
      )}
    </section>
  )
}
