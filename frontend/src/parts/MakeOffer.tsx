import { decodeOffer } from '@zarnitsa/light-client/page'
import { QRCodeSVG } from 'qrcode.react'
import { useState } from 'react'

import { formatMoment, parseAmount, strangersText } from '../format'
import { useNode } from '../node/context'
import { useText } from '../text'
import { useUnit } from '../unit'
import { Amount } from './Amount'
import { Choice } from './Choice'
import { Command, Field } from './Command'
import { CopyText } from './CopyText'
import { Callout } from './Empty'

const EXPIRIES = { ever: undefined, day: 86_400, week: 604_800 } as const
type Expiry = keyof typeof EXPIRIES

/**
 * Makes an offer, which is paid again and again. It is no order of the ledger's, for nothing of it is kept: each payment by it
 * stands in the ledger once it is here.
 */
export function MakeOffer() {
  const { t } = useText()
  const { unit, unitName } = useUnit()
  const { api, mayCommand } = useNode()
  const [amount, setAmount] = useState('')
  const [description, setDescription] = useState('')
  const [expiry, setExpiry] = useState<Expiry>('ever')
  const [made, setMade] = useState<string>()
  const create = async () => {
    const amountMsat = amount.trim() === '' ? undefined : parseAmount(amount, unit)
    if (amount.trim() !== '' && !amountMsat) throw new Error(t.amountWrong)
    const { offer } = await api.createOffer({ amountMsat, description, expirySeconds: EXPIRIES[expiry] })
    // The node's word is not shown before it says what was asked for.
    const read = decodeOffer(offer)
    const isAsked = read.amountMsat === amountMsat && read.description === description && (read.expiresAt !== undefined) === (expiry !== 'ever')
    if (!isAsked) throw new Error(t.offerOther)
    setMade(offer)
  }
  if (made !== undefined) return <MadeOffer text={made} onAgain={() => setMade(undefined)} />
  return (
    <Command label={t.createOffer} busy={t.working} disabled={!mayCommand} act={create}>
      <p className="soft">{t.offerText}</p>
      <div className="pair">
        <Field label={`${t.amount}, ${unitName}`} hint={t.anyAmount} value={amount} inputMode="decimal" onChange={setAmount} />
        <Field label={t.description} hint={t.descriptionHint} value={description} onChange={setDescription} />
      </div>
      <Choice
        label={t.validFor}
        value={expiry}
        onChange={setExpiry}
        options={[
          ['ever', t.offerForEver],
          ['day', t.aDay],
          ['week', t.aWeek],
        ]}
      />
      {!mayCommand && (
        <Callout tone="wait" icon="lock">
          {t.readOnlyText}
        </Callout>
      )}
    </Command>
  )
}

function MadeOffer({ text, onAgain }: { text: string; onAgain: () => void }) {
  const { t, language } = useText()
  const offer = decodeOffer(text)
  return (
    <div className="receive">
      <figure className="qr">
        <QRCodeSVG value={text.toUpperCase()} size={272} title={t.offer} />
      </figure>
      <div className="stack">
        <div role="status">
          <h2>{t.offerMade}</h2>
        </div>
        <p className="big">{offer.amountMsat === undefined ? t.anyAmountShort : <Amount msat={offer.amountMsat} />}</p>
        {offer.description && <p>{strangersText(offer.description)}</p>}
        <p className="soft">{offer.expiresAt ? `${t.expires} ${formatMoment(offer.expiresAt, language)}` : t.offerForEver}</p>
        <p className="soft">{t.offerKeep}</p>
        <CopyText text={text} />
        <div className="buttons">
          <button type="button" onClick={onAgain}>
            {t.createAnother}
          </button>
        </div>
      </div>
    </div>
  )
}
