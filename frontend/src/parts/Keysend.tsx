import type { Payment } from '@zarnitsa/light-client'
import { useState, type ReactNode } from 'react'

import { parseAmount } from '../format'
import { useNode, useOrder } from '../node/context'
import { useText } from '../text'
import { useUnit } from '../unit'
import { Command, Field } from './Command'
import { Callout } from './Empty'
import { MaxFee } from './MaxFee'
import { PeerName } from './PeerName'

interface KeysendProps {
  payee: string
  beside: ReactNode
  onPaid: (payment: Payment) => void
}

/** Pays a node that has asked for nothing. */
export function Keysend({ payee, beside, onPaid }: KeysendProps) {
  const { t } = useText()
  const { unit, unitName } = useUnit()
  const { info } = useNode()
  const order = useOrder()
  const [amount, setAmount] = useState('')
  const [maxFee, setMaxFee] = useState('')
  const pay = async () => {
    const amountMsat = parseAmount(amount, unit)
    if (!amountMsat) throw new Error(t.amountWrong)
    const maxFeeMsat = maxFee.trim() === '' ? undefined : parseAmount(maxFee, unit)
    if (maxFee.trim() !== '' && maxFeeMsat === undefined) throw new Error(t.amountWrong)
    onPaid(await order('keysend', { payee, amountMsat, maxFeeMsat }))
  }
  const isOwn = payee === info.node_id
  return (
    <Command label={t.keysend} busy={t.paying} disabled={isOwn || amount.trim() === ''} act={pay} beside={beside}>
      <dl className="facts">
        <dt>{t.payee}</dt>
        <dd>
          <PeerName nodeId={payee} />
        </dd>
      </dl>
      <Field label={`${t.amount}, ${unitName}`} value={amount} inputMode="decimal" onChange={setAmount} note={t.keysendNote} />
      <MaxFee value={maxFee} onChange={setMaxFee} />
      {isOwn && (
        <Callout tone="wait" icon="warning">
          {t.ownNode}
        </Callout>
      )}
    </Command>
  )
}
