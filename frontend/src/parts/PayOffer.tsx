import type { Bolt12Offer, Payment } from '@zarnitsa/light-client'
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
import { isLive } from './states'

/** What an offer asks for, read here and not by the node. Its maker gives an invoice for each payment, which is checked before it is paid. */
export function PayOffer(props: { text: string; offer: Bolt12Offer; onPaid: (payment: Payment) => void }) {
  const { t, language } = useText()
  const { unit, unitName } = useUnit()
  const { text, offer, onPaid } = props
  const order = useOrder()
  const [amount, setAmount] = useState('')
  const [maxFee, setMaxFee] = useState('')
  const obstacle = useObstacle(offer)
  const pay = async () => {
    const amountMsat = offer.amountMsat ?? parseAmount(amount, unit)
    if (!amountMsat) throw new Error(t.amountWrong)
    const maxFeeMsat = maxFee.trim() === '' ? undefined : parseAmount(maxFee, unit)
    if (maxFee.trim() !== '' && maxFeeMsat === undefined) throw new Error(t.amountWrong)
    onPaid(await order('payOffer', { offer: text, amountMsat: offer.amountMsat === undefined ? amountMsat : undefined, maxFeeMsat }))
  }
  return (
    <Command label={t.payNow} busy={t.paying} disabled={obstacle !== undefined} act={pay}>
      {offer.amountMsat !== undefined ? (
        <p className="big">
          <Amount msat={offer.amountMsat} />
        </p>
      ) : (
        !offer.inCurrency && <Field label={`${t.amount}, ${unitName}`} value={amount} inputMode="decimal" onChange={setAmount} note={t.offerYouChoose} />
      )}
      <dl className="facts">
        <dt>{t.description}</dt>
        <dd>{strangersText(offer.description) || <span className="soft">{t.noDescription}</span>}</dd>
        {offer.issuer !== '' && (
          <>
            <dt>{t.offerIssuer}</dt>
            <dd>{strangersText(offer.issuer)}</dd>
          </>
        )}
        <dt>{t.payee}</dt>
        <dd>{offer.issuerId === undefined ? <span className="soft">{t.offerHidden}</span> : <CopyText text={offer.issuerId} />}</dd>
        <dt>{t.expires}</dt>
        <dd>{offer.expiresAt ? formatMoment(offer.expiresAt, language) : t.offerForEver}</dd>
      </dl>
      <p className="hint">{t.offerPayText}</p>
      <MaxFee value={maxFee} onChange={setMaxFee} />
      {obstacle && (
        <Callout tone="wait" icon="warning">
          {obstacle}
        </Callout>
      )}
    </Command>
  )
}

/** Why the offer cannot be paid, as far as that can be known before trying. */
function useObstacle(offer: Bolt12Offer): string | undefined {
  const { t } = useText()
  const { info } = useNode()
  const channels = useProved('channels').answer?.value
  const network = info.network === 'testnet4' ? 'testnet' : info.network
  const spendable = channels?.filter(({ state }) => isLive(state)).reduce((sum, { localMsat }) => sum + localMsat, 0n)
  if (!offer.networks.some((one) => one === network)) return t.offerOtherNetwork
  if (offer.expiresAt && offer.expiresAt.getTime() <= Date.now()) return t.offerExpired
  if (offer.inCurrency) return t.offerInCurrency
  if (offer.forSeveral) return t.offerForSeveral
  if (spendable !== undefined && offer.amountMsat !== undefined && spendable < offer.amountMsat) return t.tooLittle
  return undefined
}
