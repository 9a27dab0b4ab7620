import { formatMsat } from '../format'
import { useText } from '../text'

/** An amount in satoshis; thousandths only where there are some. */
export function Amount({ msat }: { msat: bigint }) {
  const { language } = useText()
  return (
    <span className="amount">
      {formatMsat(msat, language)} <small>sat</small>
    </span>
  )
}
