import type { Channel } from '@zarnitsa/light-client'

import { useText } from '../text'
import { Amount } from './Amount'
import { BalanceBar } from './BalanceBar'
import { CopyText } from './CopyText'

/** How a channel stands. */
export function ChannelFacts({ channel }: { channel: Channel }) {
  const { t } = useText()
  return (
    <>
      <BalanceBar channel={channel} />
      <dl className="facts">
        <dt>{t.state}</dt>
        <dd className={`state ${channel.state}`}>{channel.state}</dd>
        <dt>{t.ours}</dt>
        <dd>
          <Amount msat={channel.localMsat} />
        </dd>
        <dt>{t.theirs}</dt>
        <dd>
          <Amount msat={channel.remoteMsat} />
        </dd>
        <dt>{t.inFlight}</dt>
        <dd>
          <Amount msat={channel.offeredMsat + channel.receivedMsat} />
        </dd>
        <dt>{t.capacity}</dt>
        <dd>
          <Amount msat={channel.capacitySat * 1000n} />
        </dd>
        <dt>{t.peer}</dt>
        <dd>
          <CopyText text={channel.peer} />
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
      </dl>
    </>
  )
}
