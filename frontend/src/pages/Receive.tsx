import { QRCodeSVG } from 'qrcode.react'
import { useState } from 'react'

import { Amount } from '../parts/Amount'
import { Command, Field } from '../parts/Command'
import { CopyText } from '../parts/CopyText'
import { ProofBadge } from '../parts/ProofBadge'
import { parseSat, strangersText } from '../format'
import type { Invoice } from '../node/api'
import { useNode, useProved } from '../node/context'
import { useText } from '../text'

export function Receive() {
  const { t } = useText()
  const { api } = useNode()
  const [amount, setAmount] = useState('')
  const [description, setDescription] = useState('')
  const [invoice, setInvoice] = useState<Invoice>()
  const create = async () => {
    const msat = amount.trim() === '' ? undefined : parseSat(amount)
    if (amount.trim() !== '' && !msat) throw new Error(t.amountWrong)
    setInvoice(await api.createInvoice(msat, description))
  }
  return (
    <>
      <h1>{t.receive}</h1>
      <Command label={t.create} act={create}>
        <Field label={t.amountSat} hint={t.anyAmount} value={amount} onChange={setAmount} />
        <Field label={t.description} value={description} onChange={setDescription} />
      </Command>
      {invoice && <Waiting key={invoice.payment_hash} invoice={invoice} />}
    </>
  )
}

function Waiting({ invoice }: { invoice: Invoice }) {
  const { t } = useText()
  const proof = useProved('invoice', invoice.payment_hash)
  const proved = proof.answer?.value
  const isPaid = proved?.status === 'paid'
  return (
    <section role="status">
      <h2>
        {isPaid ? t.received : t.waiting} <ProofBadge proof={proof} />
      </h2>
      {isPaid ? (
        <p className="big">
          <Amount msat={proved.receivedMsat} />
        </p>
      ) : (
        <figure className="qr">
          <QRCodeSVG value={invoice.invoice.toUpperCase()} size={260} marginSize={2} title={t.invoice} />
        </figure>
      )}
      {proved && <p>{strangersText(proved.description)}</p>}
      <CopyText text={invoice.invoice} />
    </section>
  )
}
