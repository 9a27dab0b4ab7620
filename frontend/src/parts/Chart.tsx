import type { ReactNode } from 'react'

import { useText } from '../text'
import { Amount } from './Amount'

/** A point of a balance over time. */
export interface Point {
  at: number
  msat: bigint
}

const WIDTH = 600
const HEIGHT = 160

/** A balance as it stood from step to step. */
export function Chart({ points, label, from, to }: { points: Point[]; label: string; from: ReactNode; to: ReactNode }) {
  const { t } = useText()
  const first = points[0]
  const last = points.at(-1)
  if (!first || !last || points.length < 2) return <p className="soft">{t.chartLater}</p>
  const most = points.reduce((max, { msat }) => (msat > max ? msat : max), 0n)
  const span = Math.max(1, last.at - first.at)
  const x = ({ at }: Point) => ((at - first.at) / span) * WIDTH
  const y = ({ msat }: Point) => HEIGHT - (most === 0n ? 0 : Number((msat * 10_000n) / most) / 10_000) * (HEIGHT - 8)
  const curve = points
    .map((point, at) => (at === 0 ? `M${x(point).toFixed(1)} ${y(point).toFixed(1)}` : `H${x(point).toFixed(1)}V${y(point).toFixed(1)}`))
    .join('')
  return (
    <figure className="stack tight">
      <svg className="chart" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
        <path className="rule" d={`M0 8H${WIDTH}M0 ${HEIGHT / 2 + 4}H${WIDTH}M0 ${HEIGHT}H${WIDTH}`} />
        <path className="area" d={`${curve}V${HEIGHT}H0Z`} />
        <path className="curve" d={curve} />
      </svg>
      <figcaption className="chart-axis">
        <span>{from}</span>
        <span>
          {t.atMost} <Amount msat={most} />
        </span>
        <span>{to}</span>
      </figcaption>
    </figure>
  )
}
