import type { Invoice } from '@zarnitsa/light-client'
import { useState } from 'react'

import { useNode, useOrder } from '../node/context'
import { useText } from '../text'
import { Amount } from './Amount'
import { Command, Field } from './Command'
import { Callout } from './Empty'

/** A payment waits for the operator's word: take it, or give it back. */
export function HeldInvoice({ invoice }: { invoice: Invoice }) {
  const { t } = useText()
  const { mayCommand } = useNode()
  const order = useOrder()
  const [preimage, setPreimage] = useState('')
  const { paymentHash } = invoice
  const settle = () => {
    const given = preimage.trim().toLowerCase()
    if (given !== '' && !/^[0-9a-f]{64}$/.test(given)) throw new Error(t.preimageWrong)
    return order('settleInvoice', { paymentHash, preimage: given === '' ? undefined : given })
  }
  return (
    <>
      <Callout tone="wait" icon="clock">
        <p>
          <strong>
            {t.heldTitle} <Amount msat={invoice.receivedMsat} />
          </strong>
        </p>
        <p>{t.heldText}</p>
      </Callout>
      <div className="row" style={{ alignItems: 'end' }}>
        <Command label={t.settleInvoice} busy={t.working} disabled={!mayCommand && preimage.trim() === ''} act={async () => settle()}>
          <details>
            <summary>{t.moreChoices}</summary>
            <div style={{ marginTop: '0.8rem' }}>
              <Field label={t.preimage_} hint={t.keyHint} value={preimage} onChange={setPreimage} note={t.preimageNote} />
            </div>
          </details>
        </Command>
        <Command label={t.giveBack} busy={t.working} plain act={() => order('cancelInvoice', paymentHash)} />
      </div>
    </>
  )
}
