import { useMemo, useRef, useState, type PointerEvent, type WheelEvent } from 'react'

import { shorten, strangersText } from '../format'
import type { NetworkChannel, NetworkNode } from '../node/api'
import { layOut } from '../story/graph'
import { useText } from '../text'

/** Names are as large on a phone as elsewhere: what is drawn there is narrower, not smaller. */
const WIDE = { width: 1_000, height: 560 }
const NARROW = { width: 420, height: 520 }
const NARROW_BELOW = 700
/** Names near a side are written away from it, as a part of the width. */
const SIDE = 0.16
const CLOSEST = 8

type Size = typeof WIDE

interface View {
  x: number
  y: number
  /** How near: 1 shows all of it. */
  zoom: number
}

/** The graph as points and lines; the wheel goes nearer, the pointer moves it. The table below says the same in words. */
export function GraphPicture(props: { nodes: NetworkNode[]; channels: NetworkChannel[]; own: string }) {
  const { t } = useText()
  const { nodes, channels, own } = props
  const [size] = useState(() => (innerWidth < NARROW_BELOW ? NARROW : WIDE))
  const spots = useMemo(() => layOut(nodes, channels, size.width, size.height), [nodes, channels, size])
  const peers = useMemo(() => peersOf(channels, own), [channels, own])
  const { view, handlers, nearer } = useView(size)
  const [width, height] = [size.width / view.zoom, size.height / view.zoom]
  const isNamed = (id: string) => id === own || peers.has(id) || nodes.length <= 40 || view.zoom > 2
  return (
    <div>
      <svg
        className="graph"
        viewBox={`${view.x} ${view.y} ${width} ${height}`}
        role="img"
        aria-label={`${t.network}: ${t.nodeCount(nodes.length)}, ${t.channelCount(channels.length)}`}
        {...handlers}
      >
        {channels.map(({ short_channel_id, node_1, node_2, capacity_sat }) => {
          const [from, to] = [spots.get(node_1), spots.get(node_2)]
          if (!from || !to) return null
          const thickness = 1 + Math.min(4, Math.log10(1 + (capacity_sat ?? 0)) / 2)
          return <line key={short_channel_id} className="edge" x1={from.x} y1={from.y} x2={to.x} y2={to.y} strokeWidth={thickness / view.zoom} />
        })}
        {nodes.map(({ node_id, alias, channels: count }) => {
          const spot = spots.get(node_id)!
          const kind = node_id === own ? 'own' : peers.has(node_id) ? 'peer' : ''
          const radius = (5 + Math.min(12, 2 * Math.sqrt(count))) / Math.sqrt(view.zoom)
          return (
            <g key={node_id}>
              <circle className={`node ${kind}`} cx={spot.x} cy={spot.y} r={radius}>
                <title>{`${strangersText(alias)} ${node_id}`}</title>
              </circle>
              {isNamed(node_id) && (
                <text x={spot.x} y={spot.y - radius - 5} textAnchor={spot.x < SIDE * size.width ? 'start' : spot.x > (1 - SIDE) * size.width ? 'end' : 'middle'} style={{ fontSize: 13 / Math.sqrt(view.zoom) }}>
                  {strangersText(alias).trim() || shorten(node_id)}
                </text>
              )}
            </g>
          )
        })}
      </svg>
      <p className="row" style={{ padding: '0 1.25rem 0.9rem' }}>
        <button type="button" className="plain small" onClick={() => nearer(1.5)} aria-label={t.nearer}>
          +
        </button>
        <button type="button" className="plain small" onClick={() => nearer(1 / 1.5)} aria-label={t.farther}>
          −
        </button>
        <span className="legend">
          <span>
            <span className="swatch flight" />
            {t.thisNode}
          </span>
          <span>
            <span className="swatch ours" />
            {t.peers}
          </span>
        </span>
      </p>
    </div>
  )
}

function peersOf(channels: NetworkChannel[], own: string): Set<string> {
  return new Set(channels.flatMap(({ node_1, node_2 }) => (node_1 === own ? [node_2] : node_2 === own ? [node_1] : [])))
}

function useView(size: Size) {
  const [view, setView] = useState<View>({ x: 0, y: 0, zoom: 1 })
  const held = useRef<{ x: number; y: number }>(undefined)
  const nearer = (factor: number) =>
    setView(({ x, y, zoom }) => {
      const next = Math.min(CLOSEST, Math.max(1, zoom * factor))
      const grow = (size: number) => (size / zoom - size / next) / 2
      return bound({ x: x + grow(size.width), y: y + grow(size.height), zoom: next }, size)
    })
  const handlers = {
    onWheel: ({ deltaY }: WheelEvent) => nearer(deltaY < 0 ? 1.15 : 1 / 1.15),
    onPointerDown: ({ clientX, clientY, currentTarget, pointerId }: PointerEvent<SVGSVGElement>) => {
      held.current = { x: clientX, y: clientY }
      currentTarget.setPointerCapture(pointerId)
    },
    onPointerMove: ({ clientX, clientY, currentTarget }: PointerEvent<SVGSVGElement>) => {
      const from = held.current
      if (!from) return
      held.current = { x: clientX, y: clientY }
      const scale = size.width / view.zoom / currentTarget.clientWidth
      setView(({ x, y, zoom }) => bound({ x: x - (clientX - from.x) * scale, y: y - (clientY - from.y) * scale, zoom }, size))
    },
    onPointerUp: () => {
      held.current = undefined
    },
  }
  return { view, handlers, nearer }
}

/** The picture does not leave the frame. */
function bound({ x, y, zoom }: View, { width, height }: Size): View {
  const within = (value: number, length: number) => Math.min(Math.max(value, 0), length - length / zoom)
  return { x: within(x, width), y: within(y, height), zoom }
}
