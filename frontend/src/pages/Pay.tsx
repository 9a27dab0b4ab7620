import type { Payment, PayTarget } from '@zarnitsa/light-client'
import { readPayTarget, type NoTarget } from '@zarnitsa/light-client/page'
import { useMemo, useState } from 'react'

import { Command, Field } from '../parts/Command'
import { Callout, Empty } from '../parts/Empty'
import { Keysend } from '../parts/Keysend'
import { OpenChannel } from '../parts/OpenChannel'
import { PaymentOutcome } from '../parts/PaymentOutcome'
import { PayInvoice } from '../parts/PayInvoice'
import { PayOffer } from '../parts/PayOffer'
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

/** Where the light client knows more than the page’s own words say. */
const EXPLAINED = new Set<NoTarget>(['invoice', 'offer', 'demand'])

function Target({ text, target, onPaid }: { text: string; target: PayTarget; onPaid: (payment: Payment) => void }) {
  const { t } = useText()
  switch (target.kind) {
    case 'invoice':
      return <PayInvoice text={target.text} invoice={target.invoice} onPaid={onPaid} />
    case 'offer':
      return <PayOffer text={target.text} offer={target.offer} onPaid={onPaid} />
    case 'address':
      return <SendCoins target={target} />
    case 'node':
      return <NodeFound target={target} uri={text.trim()} onPaid={onPaid} />
    case 'unsupported':
      return (
        <Callout tone="wait" icon="info">
          {t.unsupported[target.what]}
        </Callout>
      )
    case 'nothing':
      return (
        <Callout tone="wait" icon="warning">
          <p role="status">{t.noTargets[target.why]}</p>
          {EXPLAINED.has(target.why) && <small lang="en">{target.reason}</small>}
        </Callout>
      )
  }
}

/** A node can be paid without an invoice, and channels can be opened to it. */
function NodeFound({ target, uri, onPaid }: { target: PayTarget & { kind: 'node' }; uri: string; onPaid: (payment: Payment) => void }) {
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
      <Keysend
        payee={target.nodeId}
        onPaid={onPaid}
        beside={
          <button type="button" className="plain" onClick={() => setOpening(true)}>
            {t.openChannel}
          </button>
        }
      />
      {mayCommand && target.address !== undefined && <Command label={t.connect} busy={t.working} plain act={connect} />}
      {isOpening && <OpenChannel peer={uri} onClose={() => setOpening(false)} />}
    </>
  )
}
