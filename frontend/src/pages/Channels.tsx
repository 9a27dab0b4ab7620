import type { Channel } from '@zarnitsa/light-client'
import { useMemo, useState } from 'react'

import { Amount } from '../parts/Amount'
import { AskChannel } from '../parts/AskChannel'
import { Asks } from '../parts/Asks'
import { Awaited } from '../parts/Awaited'
import { BalanceBar } from '../parts/BalanceBar'
import { Choice } from '../parts/Choice'
import { Empty } from '../parts/Empty'
import { Icon } from '../parts/Icon'
import { OpenBatch } from '../parts/OpenBatch'
import { OpenChannel } from '../parts/OpenChannel'
import { PeerName } from '../parts/PeerName'
import { ProofBadge } from '../parts/ProofBadge'
import { StatePill } from '../parts/StatePill'
import { isOver, isPending } from '../parts/states'
import { shorten } from '../format'
import { useNode, usePlain, useProved } from '../node/context'
import { Link } from '../router'
import { useText } from '../text'

type Order = 'newest' | 'balance' | 'capacity'

const TABS = ['/channels', '/channels/pending', '/channels/closed'] as const
/** What is no channel yet. */
const ASKS = '/channels/asks'
/** Asks that are not over. */
const OPEN_ASKS = new Set(['asked', 'approved', 'opening'])

function tabOf({ state }: Channel): string {
  return isOver(state) ? TABS[2] : isPending(state) ? TABS[1] : TABS[0]
}

const COMPARE: Record<Order, (a: Channel, b: Channel) => bigint> = {
  newest: (a, b) => b.updatedHeight - a.updatedHeight,
  balance: (a, b) => b.localMsat - a.localMsat,
  capacity: (a, b) => b.capacitySat - a.capacitySat,
}

export function Channels({ tab }: { tab: string }) {
  const { t } = useText()
  const { api } = useNode()
  const channels = useProved('channels')
  const now = usePlain(api.channels, 10_000)
  const asks = usePlain(api.asks, 10_000)
  const [opening, setOpening] = useState<'one' | 'batch' | 'ask'>()
  const all = channels.answer?.value
  const offline = useMemo(() => new Set(now?.filter(({ state }) => state === 'offline').map((c) => c.channel_id)), [now])
  const names = [t.tabOpen, t.tabPending, t.tabClosed]
  return (
    <>
      <div className="title">
        <h1 tabIndex={-1}>{t.channels}</h1>
        <ProofBadge proof={channels} />
        <span className="grow" />
        <div className="actions">
          <button type="button" className="plain" onClick={() => setOpening('ask')}>
            {t.askChannel}
          </button>
          <button type="button" className="plain" onClick={() => setOpening('batch')}>
            {t.openSeveral}
          </button>
          <button type="button" onClick={() => setOpening('one')}>
            <Icon name="plus" /> {t.openChannel}
          </button>
        </div>
      </div>
      <nav className="tabs" aria-label={t.channels}>
        {TABS.map((path, at) => (
          <Link key={path} to={path} exact>
            {names[at]} <span className="count">{all?.filter((channel) => tabOf(channel) === path).length ?? '…'}</span>
          </Link>
        ))}
        <Link to={ASKS} exact>
          {t.asksTab} <span className="count">{asks?.filter(({ status }) => OPEN_ASKS.has(status)).length ?? '…'}</span>
        </Link>
      </nav>
      {tab !== ASKS && <Awaited proof={channels} />}
      {tab === ASKS ? <Asks /> : <List key={tab} channels={all?.filter((channel) => tabOf(channel) === tab)} offline={offline} />}
      {opening === 'one' && <OpenChannel onClose={() => setOpening(undefined)} />}
      {opening === 'batch' && <OpenBatch onClose={() => setOpening(undefined)} />}
      {opening === 'ask' && <AskChannel onClose={() => setOpening(undefined)} />}
    </>
  )
}

/** The channels of one tab, as the person wants them sorted. */
function List({ channels, offline }: { channels: Channel[] | undefined; offline: Set<string> }) {
  const { t } = useText()
  const [search, setSearch] = useState('')
  const [order, setOrder] = useState<Order>('newest')
  const shown = useMemo(() => {
    const wanted = search.trim().toLowerCase()
    const fits = (c: Channel) => [c.channelId, c.peer, c.shortChannelId ?? '', c.openingTxid].some((text) => text.includes(wanted))
    return channels?.filter(fits).sort((a, b) => Number(COMPARE[order](a, b)))
  }, [channels, search, order])
  if (!channels) return null
  return (
    <>
      <div className="row spread">
        <label style={{ flex: '1 1 14rem', maxWidth: '24rem' }}>
          <span className="visually-hidden">{t.filterChannels}</span>
          <input type="search" value={search} placeholder={t.filterChannels} onChange={({ target }) => setSearch(target.value)} />
        </label>
        <Choice
          label={t.order}
          hideLabel
          value={order}
          onChange={setOrder}
          options={[
            ['newest', t.orderNewest],
            ['balance', t.orderBalance],
            ['capacity', t.orderCapacity],
          ]}
        />
      </div>
      {shown?.length === 0 && <Empty icon="channels" text={search === '' ? t.noChannelsHere : t.nothingFound} />}
      <ul className="channels">
        {shown?.map((channel) => (
          <Row key={channel.channelId} channel={channel} isOffline={offline.has(channel.channelId)} />
        ))}
      </ul>
    </>
  )
}

function Row({ channel, isOffline }: { channel: Channel; isOffline: boolean }) {
  const { t } = useText()
  const state = isOffline && channel.state === 'normal' ? 'offline' : channel.state
  const flight = channel.offeredMsat + channel.receivedMsat
  return (
    <li>
      <Link to={`/channels/${channel.channelId}`}>
        <span className="row">
          <strong>
            <PeerName nodeId={channel.peer} />
          </strong>
          <StatePill state={state} />
          {flight > 0n && (
            <span className="pill wait">
              {t.inFlight} <Amount msat={flight} />
            </span>
          )}
          <span className="soft" style={{ marginLeft: 'auto' }}>
            {channel.shortChannelId ?? shorten(channel.channelId)}
          </span>
        </span>
        <BalanceBar channel={channel} />
        <span className="sides">
          <span>
            <small>{t.ours}</small> <Amount msat={channel.localMsat} />
          </span>
          <span className="soft">
            <small>{t.capacity}</small> <Amount msat={channel.capacitySat * 1_000n} />
          </span>
          <span>
            <small>{t.theirsOne}</small> <Amount msat={channel.remoteMsat} />
          </span>
        </span>
      </Link>
    </li>
  )
}
