import type { Bolt11, Payment } from '@zarnitsa/light-client'
import { useState } from 'react'

import { formatMoment, parseAmount, strangersText } from '../format'
import { useNode, useOrder, useProved } from '../node/context'
import { useText } from '../text'
import { useUnit } from '../unit'
import { Amount } from './Amount'
import { Command, Field } from './Command'
import { CopyText } from './CopyText'
import { Callout } from './Empty'
import { MaxFee } from './MaxFee'
import { ProofBadge } from './ProofBadge'
import { StatePill } from './StatePill'
import { isLive } from './states'

/** What an invoice asks for, read here and not by the node, and the button that pays it. */
export function PayInvoice(props: { text: string; invoice: Bolt11; onPaid: (payment: Payment) => void }) {
  const { t, language } = useText()
  const { unit, unitName } = useUnit()
  const { text, invoice, onPaid } = props
  const order = useOrder()
  const [amount, setAmount] = useState('')
  const [maxFee, setMaxFee] = useState('')
  const earlier = useProved('payment', invoice.paymentHash)
  const obstacle = useObstacle(invoice)
  const amountMsat = invoice.amountMsat ?? parseAmount(amount, unit)
  const pay = async () => {
    if (!amountMsat) throw new Error(t.amountWrong)
    const maxFeeMsat = maxFee.trim() === '' ? undefined : parseAmount(maxFee, unit)
    if (maxFee.trim() !== '' && maxFeeMsat === undefined) throw new Error(t.amountWrong)
    onPaid(await order('pay', { invoice: text, amountMsat: invoice.amountMsat === undefined ? amountMsat : undefined, maxFeeMsat }))
  }
  const before = earlier.answer?.value
  return (
    <Command label={t.payNow} busy={t.paying} disabled={obstacle !== undefined} act={pay}>
      {invoice.amountMsat !== undefined ? (
        <p className="big">
          <Amount msat={invoice.amountMsat} />
        </p>
      ) : (
        <Field label={`${t.amount}, ${unitName}`} value={amount} inputMode="decimal" onChange={setAmount} note={t.youChoose} />
      )}
      <dl className="facts">
        <dt>{t.description}</dt>
        <dd>{strangersText(invoice.description) || <span className="soft">{t.noDescription}</span>}</dd>
        <dt>{t.payee}</dt>
        <dd>
          <CopyText text={invoice.payee} />
        </dd>
        <dt>{t.expires}</dt>
        <dd>{formatMoment(invoice.expiresAt, language)}</dd>
        <dt>{t.paymentHash}</dt>
        <dd>
          <CopyText text={invoice.paymentHash} />
        </dd>
        <dt>{t.paidBefore}</dt>
        <dd>
          {before ? <StatePill state={before.status} /> : earlier.state === 'proved' && t.never} <ProofBadge proof={earlier} brief />
        </dd>
      </dl>
      <MaxFee value={maxFee} onChange={setMaxFee} />
      {obstacle && (
        <Callout tone="wait" icon="warning">
          {obstacle}
        </Callout>
      )}
    </Command>
  )
}

/** Why the invoice cannot be paid, as far as that can be known before trying. */
function useObstacle(invoice: Bolt11): string | undefined {
  const { t } = useText()
  const { info } = useNode()
  const channels = useProved('channels').answer?.value
  const network = info.network === 'testnet4' ? 'testnet' : info.network
  const spendable = channels?.filter(({ state }) => isLive(state)).reduce((sum, { localMsat }) => sum + localMsat, 0n)
  if (invoice.network !== network) return t.otherNetwork(invoice.network)
  if (invoice.expiresAt.getTime() <= Date.now()) return t.expiredInvoice
  if (invoice.payee === info.node_id) return t.ownInvoice
  if (spendable !== undefined && invoice.amountMsat !== undefined && spendable < invoice.amountMsat) return t.tooLittle
  return undefined
}
