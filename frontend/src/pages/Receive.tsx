import type { Invoice } from '@zarnitsa/light-client'
import { QRCodeSVG } from 'qrcode.react'
import { useEffect, useState } from 'react'

import { Amount } from '../parts/Amount'
import { AskButton } from '../parts/AskChannel'
import { Choice } from '../parts/Choice'
import { Command, Field } from '../parts/Command'
import { CopyText } from '../parts/CopyText'
import { Callout } from '../parts/Empty'
import { HeldInvoice } from '../parts/HeldInvoice'
import { Icon } from '../parts/Icon'
import { MakeOffer } from '../parts/MakeOffer'
import { ProofBadge } from '../parts/ProofBadge'
import { StatePill } from '../parts/StatePill'
import { parseAmount, strangersText } from '../format'
import { useOrder, useProved } from '../node/context'
import { Link } from '../router'
import { invoiceState } from '../story/activity'
import { useText } from '../text'
import { useUnit } from '../unit'

const EXPIRIES = { hour: 3_600, day: 86_400, week: 604_800 } as const
type Expiry = keyof typeof EXPIRIES

export function Receive() {
  const { t } = useText()
  const [invoice, setInvoice] = useState<Invoice>()
  const [kind, setKind] = useState<'invoice' | 'offer'>('invoice')
  return (
    <>
      <h1 tabIndex={-1}>{t.receive}</h1>
      {invoice ? (
        <Waiting key={invoice.paymentHash} invoice={invoice} onAgain={() => setInvoice(undefined)} />
      ) : (
        <section className="card stack">
          <Choice
            label={t.howOften}
            value={kind}
            onChange={setKind}
            options={[
              ['invoice', t.payableOnce],
              ['offer', t.payableAgain],
            ]}
          />
          {kind === 'invoice' ? <Ask onMade={setInvoice} /> : <MakeOffer />}
          <footer className="aside">
            <p className="soft">{t.askGet}</p>
            <AskButton />
          </footer>
        </section>
      )}
    </>
  )
}

function Ask({ onMade }: { onMade: (invoice: Invoice) => void }) {
  const { t } = useText()
  const { unit, unitName } = useUnit()
  const order = useOrder()
  const proof = useProved('channels')
  const channels = proof.answer?.value
  const [amount, setAmount] = useState('')
  const [description, setDescription] = useState('')
  const [expiry, setExpiry] = useState<Expiry>('hour')
  const [hold, setHold] = useState(false)
  const [ownHash, setOwnHash] = useState('')
  const receivable = channels?.filter(({ state }) => state === 'normal').reduce((sum, { remoteMsat }) => sum + remoteMsat, 0n)
  const create = async () => {
    const amountMsat = amount.trim() === '' ? undefined : parseAmount(amount, unit)
    if (amount.trim() !== '' && !amountMsat) throw new Error(t.amountWrong)
    const paymentHash = hold && ownHash.trim() !== '' ? ownHash.trim().toLowerCase() : undefined
    if (paymentHash !== undefined && !/^[0-9a-f]{64}$/.test(paymentHash)) throw new Error(t.ownHashWrong)
    onMade(await order('createInvoice', { amountMsat, description, expirySeconds: EXPIRIES[expiry], hold, paymentHash }))
  }
  const wanted = parseAmount(amount, unit)
  const isTooMuch = receivable !== undefined && wanted !== undefined && wanted > receivable
  return (
    <Command label={t.create} busy={t.working} act={create}>
      <div className="pair">
        <Field
          label={`${t.amount}, ${unitName}`}
          hint={t.anyAmount}
          value={amount}
          inputMode="decimal"
          onChange={setAmount}
          note={
            receivable !== undefined && (
              <>
                {t.peersHave} <Amount msat={receivable} /> <ProofBadge proof={proof} brief />
              </>
            )
          }
        />
        <Field label={t.description} hint={t.descriptionHint} value={description} onChange={setDescription} />
      </div>
      <Choice
        label={t.validFor}
        value={expiry}
        onChange={setExpiry}
        options={[
          ['hour', t.anHour],
          ['day', t.aDay],
          ['week', t.aWeek],
        ]}
      />
      <details>
        <summary>{t.moreChoices}</summary>
        <div className="stack" style={{ marginTop: '0.8rem' }}>
          <label className="check">
            <input type="checkbox" checked={hold} onChange={({ target }) => setHold(target.checked)} />
            <span>{t.holdChoice}</span>
          </label>
          {hold && <p className="hint">{t.holdText}</p>}
          {hold && <Field label={t.ownHash} hint={t.keyHint} value={ownHash} onChange={setOwnHash} note={t.ownHashNote} />}
        </div>
      </details>
      {isTooMuch && (
        <Callout tone="wait" icon="info">
          {t.cannotReceiveSoMuch}
        </Callout>
      )}
    </Command>
  )
}

function Waiting({ invoice, onAgain }: { invoice: Invoice; onAgain: () => void }) {
  const { t } = useText()
  const proof = useProved('invoice', invoice.paymentHash)
  const proved = proof.answer?.value ?? invoice
  const isPaid = proved.status === 'paid'
  const isHeld = invoiceState(proved) === 'held'
  const left = useSecondsUntil(invoice.expiresAt)
  return (
    <section className="card receive">
      {isPaid || isHeld ? (
        <div className={isPaid ? 'paid-mark' : 'paid-mark held'}>
          <Icon name={isPaid ? 'check' : 'clock'} />
        </div>
      ) : (
        <figure className="qr">
          <QRCodeSVG value={`LIGHTNING:${invoice.invoice.toUpperCase()}`} size={272} title={t.invoice} />
        </figure>
      )}
      <div className="stack">
        <div className="row" role="status">
          <h2>{isPaid ? t.received : isHeld ? t.heldHere : t.waiting}</h2>
          {!isPaid && <StatePill state={left > 0 || isHeld ? invoiceState(proved) : 'expired'} />}
          <ProofBadge proof={proof} />
        </div>
        <p className="big">
          {isPaid ? (
            <Amount msat={proved.receivedMsat} />
          ) : proved.amountMsat === undefined ? (
            t.anyAmountShort
          ) : (
            <Amount msat={proved.amountMsat} />
          )}
        </p>
        {proved.description && <p>{strangersText(proved.description)}</p>}
        {isHeld && <HeldInvoice invoice={proved} />}
        {!isPaid && !isHeld && left > 0 && <p className="soft">{t.expiresIn(clock(left))}</p>}
        {!isPaid && !isHeld && <CopyText text={invoice.invoice} />}
        <div className="buttons">
          <button type="button" className={isHeld ? 'plain' : undefined} onClick={onAgain}>
            {t.createAnother}
          </button>
          <Link to={`/payments/received/${invoice.paymentHash}`} className="button plain">
            {t.details}
          </Link>
        </div>
      </div>
    </section>
  )
}

function useSecondsUntil(moment: Date): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000)
    return () => clearInterval(timer)
  }, [])
  return Math.max(0, Math.floor((moment.getTime() - now) / 1_000))
}

/** `1:02:03` */
function clock(seconds: number): string {
  const [hours, minutes, rest] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60]
  const two = (part: number) => part.toString().padStart(2, '0')
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`
}
