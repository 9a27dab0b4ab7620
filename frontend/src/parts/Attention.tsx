import type { Channel, Invoice } from '@zarnitsa/light-client'
import { useState, type ReactNode } from 'react'

import { useNode, usePlain } from '../node/context'
import { Link } from '../router'
import { invoiceState } from '../story/activity'
import { useText } from '../text'
import { AskChannel } from './AskChannel'
import { Icon, type IconName } from './Icon'
import { isLive } from './states'

interface Matter {
  key: string
  icon: IconName
  tone: 'bad' | 'wait' | 'fine'
  what: ReactNode
}

/** What the person should know or do now, the worst first. */
export function Attention(props: { channels: Channel[] | undefined; invoices: Invoice[] | undefined }) {
  const { t } = useText()
  const [isAsking, setAsking] = useState(false)
  const matters = useMatters(props, () => setAsking(true))
  return (
    <section className="card">
      <header>
        <h2>{t.attention}</h2>
      </header>
      <ul className="attention">
        {matters.length === 0 && (
          <li className="fine">
            <Icon name="check" /> {t.allWell}
          </li>
        )}
        {matters.map(({ key, icon, tone, what }) => (
          <li key={key} className={tone}>
            <Icon name={icon} />
            <span>{what}</span>
          </li>
        ))}
      </ul>
      {isAsking && <AskChannel onClose={() => setAsking(false)} />}
    </section>
  )
}

interface Known {
  channels: Channel[] | undefined
  invoices: Invoice[] | undefined
}

function useMatters({ channels, invoices }: Known, onAsk: () => void): Matter[] {
  const { t } = useText()
  const { api, info, signer } = useNode()
  const now = usePlain(api.channels, 15_000)
  const asks = usePlain(api.asks, 15_000)?.filter(({ status }) => status === 'asked') ?? []
  const [asking, asked] = [asks.filter(({ direction }) => direction === 'incoming').length, asks.filter(({ direction }) => direction === 'outgoing').length]
  const matters: Matter[] = []
  const add = (isSo: boolean, matter: Matter) => isSo && matters.push(matter)
  const count = (state: string) => channels?.filter((channel) => channel.state === state).length ?? 0
  const live = channels?.filter(({ state }) => isLive(state)) ?? []
  const offline = now?.filter(({ state }) => state === 'offline').length ?? 0
  const opening = count('opening') + count('awaiting_confirmations') + count('awaiting_peer_ready')
  const closing = count('shutting_down') + count('closing')
  const pending = <Link to="/channels/pending">{t.look}</Link>
  const toAsks = <Link to="/channels/asks">{t.look}</Link>
  const ask = (
    <button type="button" className="link" onClick={onAsk}>
      {t.askHub}
    </button>
  )

  add(!info.chain_available, { key: 'chain', icon: 'warning', tone: 'bad', what: t.chainAwayText })
  add(offline > 0, {
    key: 'offline',
    icon: 'clock',
    tone: 'wait',
    what: (
      <>
        {t.offlineText(offline)} <Link to="/channels">{t.look}</Link>
      </>
    ),
  })
  add(asking > 0, { key: 'asking', icon: 'receive', tone: 'wait', what: <>{t.asksWaiting(asking)} {toAsks}</> })
  add(asked > 0, { key: 'asked', icon: 'clock', tone: 'wait', what: <>{t.askedWaiting(asked)} {toAsks}</> })
  add(closing > 0, { key: 'closing', icon: 'clock', tone: 'wait', what: <>{t.closingText(closing)} {pending}</> })
  add(opening > 0, { key: 'opening', icon: 'clock', tone: 'wait', what: <>{t.openingText(opening)} {pending}</> })
  const held = invoices?.filter((invoice) => invoiceState(invoice) === 'held') ?? []
  add(held.length > 0, {
    key: 'held',
    icon: 'receive',
    tone: 'wait',
    what: (
      <>
        {t.heldAttention} <Link to={`/payments/received/${held[0]?.paymentHash}`}>{t.look}</Link>
      </>
    ),
  })
  add(invoices?.some((invoice) => invoiceState(invoice) === 'accepted') ?? false, {
    key: 'accepted',
    icon: 'receive',
    tone: 'wait',
    what: t.acceptedText,
  })
  add(channels !== undefined && live.length === 0 && opening === 0, {
    key: 'none',
    icon: 'channels',
    tone: 'wait',
    what: (
      <>
        {t.noChannelText} <Link to="/channels">{t.openChannel}</Link>. {t.askGet} {ask}
      </>
    ),
  })
  add(live.length > 0 && live.every(({ remoteMsat }) => remoteMsat === 0n), {
    key: 'deaf',
    icon: 'info',
    tone: 'wait',
    what: <>{t.cannotReceiveText} {ask}</>,
  })
  add(signer.state === 'none', {
    key: 'key',
    icon: 'key',
    tone: 'wait',
    what: (
      <>
        {t.noKeyText}{' '}
        <button type="button" className="link" onClick={() => void signer.ready().catch(() => undefined)}>
          {t.bringKey}
        </button>
      </>
    ),
  })
  return matters
}
