import type { Channel } from '@zarnitsa/light-client'

import { percent } from '../format'
import { useText } from '../text'

/** Ours on the left, the peer's on the right, what is under way between. */
export function BalanceBar({ channel }: { channel: Channel }) {
  const { t } = useText()
  const whole = channel.capacitySat * 1000n
  const ours = percent(channel.localMsat, whole)
  const flight = percent(channel.offeredMsat + channel.receivedMsat, whole)
  const theirs = percent(channel.remoteMsat, whole)
  return (
    <div className="bar" role="img" aria-label={`${t.ours} ${ours}%, ${t.inFlight} ${flight}%, ${t.theirsOne} ${theirs}%`}>
      <span className="ours" style={{ width: `${ours}%` }} />
      {flight > 0 && <span className="flight" style={{ width: `${Math.max(flight, 1)}%` }} />}
    </div>
  )
}
