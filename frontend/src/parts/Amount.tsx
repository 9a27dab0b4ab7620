import { formatBtc, formatMsat } from '../format'
import { useText } from '../text'
import { useUnit } from '../unit'

/** An amount in the unit that the person chose; thousandths of a satoshi only where there are some. */
export function Amount({ msat, signed = false }: { msat: bigint; signed?: boolean }) {
  const { language } = useText()
  const { unit, unitName } = useUnit()
  const text = unit === 'sat' ? formatMsat(msat, language) : formatBtc(msat, language)
  const plus = signed && msat > 0n
  return (
    <span className={plus ? 'amount plus' : 'amount'}>
      {plus && '+'}
      {text} <small>{unitName}</small>
    </span>
  )
}

/** Whole satoshis, as everything on chain is. */
export function Sat({ sat, signed = false }: { sat: number | bigint; signed?: boolean }) {
  return <Amount msat={BigInt(sat) * 1_000n} signed={signed} />
}
