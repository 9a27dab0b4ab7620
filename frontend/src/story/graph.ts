/** The part of the network that is near, and where its nodes stand in a picture. */

import type { NetworkChannel, NetworkGraph, NetworkNode } from '../node/api'

/** The `most` nodes that are nearest to `own` by channels, larger ones first where they are as near. */
export function nearest(graph: NetworkGraph, own: string, most: number): NetworkGraph {
  const neighbours = new Map<string, string[]>()
  for (const { node_1, node_2 } of graph.channels) {
    for (const [a, b] of [[node_1, node_2], [node_2, node_1]] as const) {
      const known = neighbours.get(a)
      if (known) known.push(b)
      else neighbours.set(a, [b])
    }
  }
  const bySize = [...graph.nodes].sort((a, b) => b.channels - a.channels)
  const sizes = new Map(bySize.map(({ node_id, channels }) => [node_id, channels]))
  const chosen = new Set<string>()
  let ring = sizes.has(own) ? [own] : []
  while (ring.length > 0 && chosen.size < most) {
    for (const id of ring) if (chosen.size < most) chosen.add(id)
    const next = new Set(ring.flatMap((id) => neighbours.get(id) ?? []))
    ring = [...next].filter((id) => !chosen.has(id) && sizes.has(id)).sort((a, b) => (sizes.get(b) ?? 0) - (sizes.get(a) ?? 0))
  }
  // Whoever is not connected to this node is shown too, as far as there is room.
  for (const { node_id } of bySize) if (chosen.size < most) chosen.add(node_id)
  return {
    nodes: graph.nodes.filter(({ node_id }) => chosen.has(node_id)),
    channels: graph.channels.filter(({ node_1, node_2 }) => chosen.has(node_1) && chosen.has(node_2)),
  }
}

export interface Spot {
  x: number
  y: number
}

const ROUNDS = 220

/**
 * Where each node stands: channels pull together, nodes push apart. The same graph is always drawn the same way: it
 * starts from a spiral, not from chance.
 */
export function layOut(nodes: NetworkNode[], channels: NetworkChannel[], width: number, height: number): Map<string, Spot> {
  const index = new Map(nodes.map(({ node_id }, at) => [node_id, at]))
  const spots = nodes.map((_, at) => {
    const turn = at * 2.399_963
    const radius = 0.45 * Math.sqrt((at + 0.5) / nodes.length)
    return { x: 0.5 + radius * Math.cos(turn), y: 0.5 + radius * Math.sin(turn) }
  })
  const edges = channels.flatMap(({ node_1, node_2 }) => {
    const [a, b] = [index.get(node_1), index.get(node_2)]
    return a === undefined || b === undefined ? [] : [[a, b] as const]
  })
  const ideal = 0.7 / Math.sqrt(nodes.length || 1)
  for (let round = 0; round < ROUNDS; round++) {
    const heat = 0.08 * (1 - round / ROUNDS)
    const moves = push(spots, ideal)
    for (const [a, b] of edges) pull(spots, moves, a, b, ideal)
    for (const [at, spot] of spots.entries()) {
      const move = moves[at]!
      // A little towards the middle, so that what hangs together with nothing does not fly away.
      move.x += (0.5 - spot.x) * 0.06
      move.y += (0.5 - spot.y) * 0.06
      const length = Math.hypot(move.x, move.y) || 1
      const step = Math.min(length, heat) / length
      spot.x += move.x * step
      spot.y += move.y * step
    }
  }
  return fit(nodes, spots, width, height)
}

function push(spots: Spot[], ideal: number): Spot[] {
  const moves = spots.map(() => ({ x: 0, y: 0 }))
  for (let a = 0; a < spots.length; a++) {
    for (let b = a + 1; b < spots.length; b++) {
      const [dx, dy] = [spots[a]!.x - spots[b]!.x, spots[a]!.y - spots[b]!.y]
      const square = Math.max(dx * dx + dy * dy, 1e-6)
      const force = (ideal * ideal) / square
      moves[a]!.x += dx * force
      moves[a]!.y += dy * force
      moves[b]!.x -= dx * force
      moves[b]!.y -= dy * force
    }
  }
  return moves
}

function pull(spots: Spot[], moves: Spot[], a: number, b: number, ideal: number): void {
  const [dx, dy] = [spots[a]!.x - spots[b]!.x, spots[a]!.y - spots[b]!.y]
  const force = Math.hypot(dx, dy) / ideal
  moves[a]!.x -= dx * force
  moves[a]!.y -= dy * force
  moves[b]!.x += dx * force
  moves[b]!.y += dy * force
}

function fit(nodes: NetworkNode[], spots: Spot[], width: number, height: number): Map<string, Spot> {
  const range = (values: number[]) => [Math.min(...values), Math.max(...values)] as const
  const [left, right] = range(spots.map(({ x }) => x))
  const [top, bottom] = range(spots.map(({ y }) => y))
  const edge = 48
  const scale = (value: number, low: number, high: number, size: number) =>
    high - low < 1e-9 ? size / 2 : edge + ((value - low) / (high - low)) * (size - 2 * edge)
  return new Map(
    nodes.map(({ node_id }, at) => {
      const spot = spots[at]!
      return [node_id, { x: scale(spot.x, left, right, width), y: scale(spot.y, top, bottom, height) }]
    }),
  )
}
