import type { Payment, PayTarget } from '@zarnitsa/light-client'
import { readPayTarget } from '@zarnitsa/light-client/page'
import { useMemo, useState } from 'react'

import { Command, Field } from '../parts/Command'
import { Callout, Empty } from '../parts/Empty'
import { OpenChannel } from '../parts/OpenChannel'
import { PaymentOutcome } from '../parts/PaymentOutcome'
import { PayInvoice } from '../parts/PayInvoice'
import { SendCoins } from '../parts/SendCoins'
import { useNode } from '../node/context'
import { go } from '../router'
import { useText } from '../text'

/** One box that takes anything: what it is, and what it would do, is shown before anything is done. */
export function Pay() {
  const { t } = useText()
  const [text, setText] = useState('')
  const [paid, setPaid] = useState<Payment>()
  const target = useMemo(() => readPayTarget(text), [text])
  const again = () => {
    setPaid(undefined)
    setText('')
  }
  return (
    <>
      <h1 tabIndex={-1}>{t.pay}</h1>
      {paid ? (
        <PaymentOutcome paymentHash={paid.paymentHash} onAgain={again} />
      ) : (
        <section className="card stack">
          <Field label={t.payBox} hint={t.payBoxHint} value={text} lines={3} onChange={setText} />
          {text.trim() === '' ? <Empty icon="pay" text={t.payEmpty} /> : <Target key={text} text={text} target={target} onPaid={setPaid} />}
        </section>
      )}
    </>
  )
}

function Target({ text, target, onPaid }: { text: string; target: PayTarget; onPaid: (payment: Payment) => void }) {
  const { t } = useText()
  switch (target.kind) {
    case 'invoice':
      return <PayInvoice text={target.text} invoice={target.invoice} onPaid={onPaid} />
    case 'address':
      return <SendCoins target={target} />
    case 'node':
      return <NodeFound uri={text.trim()} />
    case 'unsupported':
      return (
        <Callout tone="wait" icon="info">
          {t.unsupported[target.what]}
        </Callout>
      )
    case 'nothing':
      return (
        <Callout tone="wait" icon="warning">
          <p role="status">{t.nothingToPay}</p>
          <small>{target.reason}</small>
        </Callout>
      )
  }
}

/** A node cannot be paid by its address, but channels can be opened to it. */
function NodeFound({ uri }: { uri: string }) {
  const { t } = useText()
  const { api, mayCommand } = useNode()
  const [isOpening, setOpening] = useState(false)
  const connect = async () => {
    await api.connect(uri)
    go('/peers')
  }
  return (
    <>
      <Callout icon="peers">{t.nodeFound}</Callout>
      {mayCommand && uri.includes('@') && (
        <Command
          label={t.connect}
          busy={t.working}
          act={connect}
          beside={
            <button type="button" className="plain" onClick={() => setOpening(true)}>
              {t.openChannel}
            </button>
          }
        />
      )}
      {!(mayCommand && uri.includes('@')) && (
        <div className="buttons">
          <button type="button" onClick={() => setOpening(true)}>
            {t.openChannel}
          </button>
        </div>
      )}
      {isOpening && <OpenChannel peer={uri} onClose={() => setOpening(false)} />}
    </>
  )
}
