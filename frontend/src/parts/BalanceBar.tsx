import type { Channel } from '@zarnitsa/light-client'

import { useText } from '../text'

/** Ours on the left, the peer's on the right, what is under way between. */
export function BalanceBar({ channel }: { channel: Channel }) {
  const { t } = useText()
  const whole = channel.capacitySat * 1000n
  const percent = (msat: bigint) => (whole === 0n ? 0 : Number((msat * 1000n) / whole) / 10)
  const ours = percent(channel.localMsat)
  const flight = percent(channel.offeredMsat + channel.receivedMsat)
  return (
    <div className="bar" role="img" aria-label={`${t.ours} ${ours}%, ${t.theirs} ${percent(channel.remoteMsat)}%`}>
      <span className="ours" style={{ width: `${ours}%` }} />
      <span className="flight" style={{ width: `${flight}%` }} />
    </div>
  )
}
