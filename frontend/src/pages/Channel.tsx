import type { Channel as Record } from '@zarnitsa/light-client'
import { useState } from 'react'

import { Amount } from '../parts/Amount'
import { Awaited } from '../parts/Awaited'
import { BalanceBar } from '../parts/BalanceBar'
import { ChannelFees } from '../parts/ChannelFees'
import { ChannelSteps } from '../parts/ChannelSteps'
import { ChannelStory } from '../parts/ChannelStory'
import { CloseChannel } from '../parts/CloseChannel'
import { ClosingPanel } from '../parts/ClosingPanel'
import { CopyText } from '../parts/CopyText'
import { Empty } from '../parts/Empty'
import { HtlcTable } from '../parts/HtlcTable'
import { Icon } from '../parts/Icon'
import { NodesWord, ProofBadge } from '../parts/ProofBadge'
import { PeerName } from '../parts/PeerName'
import { StatePill } from '../parts/StatePill'
import { TowerFact } from '../parts/Tower'
import { isClosable, isLive, isOver } from '../parts/states'
import { WhyBalance } from '../parts/WhyBalance'
import { When } from '../parts/When'
import { shorten } from '../format'
import type { ChannelNow } from '../node/api'
import { useNode, usePlain, useProved } from '../node/context'
import { Link } from '../router'
import { useText } from '../text'

export function Channel({ channelId }: { channelId: string }) {
  const { t } = useText()
  const { api } = useNode()
  const proof = useProved('channel', channelId)
  const all = usePlain(api.channels, 10_000)
  const now = all?.find((channel) => channel.channel_id === channelId)
  const [isClosing, setClosing] = useState(false)
  const channel = proof.answer?.value
  const state = now?.state === 'offline' && channel?.state === 'normal' ? 'offline' : channel?.state
  return (
    <>
      <Link to="/channels" className="back" exact>
        <Icon name="back" /> {t.channels}
      </Link>
      <div className="title">
        <h1 tabIndex={-1}>
          {t.channel} {channel ? (channel.shortChannelId ?? shorten(channelId)) : shorten(channelId)}
        </h1>
        {state && <StatePill state={state} />}
        <ProofBadge proof={proof} />
        <span className="grow" />
        {state && isClosable(state) && (
          <button type="button" className="plain" onClick={() => setClosing(true)}>
            {t.closeChannel}
          </button>
        )}
      </div>
      <Awaited proof={proof} />
      {proof.state === 'proved' && !channel && <Empty icon="search" text={t.noSuchChannel} />}
      {channel && (
        <>
          <Balances channel={channel} now={now} />
          {now?.closing && <ClosingPanel closing={now.closing} />}
          <div className="grid">
            <Facts channel={channel} />
            <ChannelStory channel={channel} />
          </div>
          {now && now.htlcs.length > 0 && <HtlcTable htlcs={now.htlcs} />}
          <ChannelSteps channelId={channelId} length={Number(channel.historyLength)} />
        </>
      )}
      {channel && isClosing && <CloseChannel channel={channel} now={now} onClose={() => setClosing(false)} />}
    </>
  )
}

function Balances({ channel, now }: { channel: Record; now: ChannelNow | undefined }) {
  const { t } = useText()
  const flight = channel.offeredMsat + channel.receivedMsat
  return (
    <section className="card stack">
      <div className="sides">
        <span className="stack tight">
          <small>{t.ours}</small>
          <span className="middle">
            <WhyBalance channels={[channel]}>
              <Amount msat={isOver(channel.state) ? 0n : channel.localMsat} />
            </WhyBalance>
          </span>
        </span>
        {flight > 0n && (
          <span className="stack tight">
            <small>{t.inFlight}</small>
            <span className="middle">
              <Amount msat={flight} />
            </span>
          </span>
        )}
        <span className="stack tight">
          <small>{t.theirsOne}</small>
          <span className="middle">
            <Amount msat={channel.remoteMsat} />
          </span>
        </span>
      </div>
      <BalanceBar channel={channel} />
      {now && isLive(channel.state) && (
        <div className="sides soft">
          <span>
            {t.canSendNow} <Amount msat={BigInt(now.spendable_msat)} /> <NodesWord />
          </span>
          <span>
            {t.canReceiveNow} <Amount msat={BigInt(now.receivable_msat)} /> <NodesWord />
          </span>
        </div>
      )}
    </section>
  )
}

function Facts({ channel }: { channel: Record }) {
  const { t } = useText()
  return (
    <section className="card">
      <header>
        <h2>{t.details}</h2>
      </header>
      <dl className="facts">
        <dt>{t.capacity}</dt>
        <dd>
          <Amount msat={channel.capacitySat * 1_000n} />
        </dd>
        <dt>{t.peer}</dt>
        <dd>
          <PeerName nodeId={channel.peer} /> <CopyText text={channel.peer} bare />
        </dd>
        <dt>{t.openedBy}</dt>
        <dd>
          {channel.opener === 'local' ? t.byUs : t.byPeer}, <When height={channel.openedHeight} />
        </dd>
        <dt>{t.opening}</dt>
        <dd>
          <CopyText text={`${channel.openingTxid}:${channel.openingOutput}`} />
        </dd>
        {channel.closingTxid && (
          <>
            <dt>{t.closing}</dt>
            <dd>
              <CopyText text={channel.closingTxid} />
            </dd>
          </>
        )}
        <dt>{t.visibility}</dt>
        <dd>{channel.announced ? t.announced : t.unannounced}</dd>
        {isLive(channel.state) && (
          <>
            <dt>{t.channelFees}</dt>
            <dd>
              <ChannelFees channelId={channel.channelId} />
            </dd>
          </>
        )}
        <dt>{t.commitments}</dt>
        <dd>
          {channel.commitmentNumber.toString()} / {channel.peerCommitmentNumber.toString()}
        </dd>
        <TowerFact channelId={channel.channelId} />
        <dt>{t.channelId}</dt>
        <dd>
          <CopyText text={channel.channelId} />
        </dd>
      </dl>
    </section>
  )
}
