import { formatMoment } from '../format'
import { useLookup } from '../node/context'
import { useText } from '../text'

/** When a block of the ledger was signed: by its own proved time. */
export function When({ height }: { height: bigint | number }) {
  const { language } = useText()
  const at = Number(height)
  const { answer } = useLookup('blocks', at > 0 ? at : undefined, 1)
  const time = answer?.[0]?.time
  if (!time) return <span className="soft">…</span>
  return <Moment time={time} language={language} />
}

/** A moment, as near as a person wants it. */
export function Moment({ time, language }: { time: Date; language: string }) {
  const isToday = time.toDateString() === new Date().toDateString()
  const short = isToday
    ? time.toLocaleTimeString(language, { hour: '2-digit', minute: '2-digit' })
    : time.toLocaleDateString(language, { day: 'numeric', month: 'short', year: 'numeric' })
  return (
    <time dateTime={time.toISOString()} title={formatMoment(time, language)}>
      {short}
    </time>
  )
}
