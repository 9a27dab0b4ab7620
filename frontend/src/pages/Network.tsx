import { useCallback, useEffect, useMemo, useState } from 'react'

import { Empty } from '../parts/Empty'
import { GraphPicture } from '../parts/GraphPicture'
import { NodesWord } from '../parts/ProofBadge'
import { OpenChannel } from '../parts/OpenChannel'
import { Sat } from '../parts/Amount'
import { shorten, strangersText } from '../format'
import type { NetworkChannel, NetworkGraph, NetworkNode } from '../node/api'
import { useNode } from '../node/context'
import { nearest } from '../story/graph'
import { useText } from '../text'

/** More nodes than this are a grey cloud, not a picture. */
const DRAWN = 250
const LISTED = 100

/** The public network, as gossip tells of it. */
export function Network() {
  const { t } = useText()
  const { info } = useNode()
  const graph = useGraph()
  const [search, setSearch] = useState('')
  const [opening, setOpening] = useState<string>()
  const picture = useMemo(() => graph && nearest(graph, info.node_id, DRAWN), [graph, info.node_id])
  const wanted = search.trim().toLowerCase()
  const found = graph?.nodes.filter(({ node_id, alias }) => node_id.includes(wanted) || alias.toLowerCase().includes(wanted))
  return (
    <>
      <div className="title">
        <h1 tabIndex={-1}>{t.network}</h1>
        <NodesWord />
      </div>
      <p className="soft">{t.networkText}</p>
      {graph?.nodes.length === 0 && <Empty icon="network" text={t.noGraph} />}
      {graph && picture && graph.nodes.length > 0 && (
        <>
          <p className="row">
            <span className="pill">{t.nodeCount(graph.nodes.length)}</span>
            <span className="pill">{t.channelCount(graph.channels.length)}</span>
            {graph.nodes.length > DRAWN && <span className="soft">{t.nearestOnly(DRAWN)}</span>}
          </p>
          <section className="card flush">
            <GraphPicture nodes={picture.nodes} channels={picture.channels} own={info.node_id} />
          </section>
          <label style={{ maxWidth: '24rem' }}>
            <span className="visually-hidden">{t.filterNodes}</span>
            <input type="search" value={search} placeholder={t.filterNodes} onChange={({ target }) => setSearch(target.value)} />
          </label>
          <NodeTable nodes={(found ?? []).slice(0, LISTED)} channels={graph.channels} own={info.node_id} onOpen={setOpening} />
        </>
      )}
      {opening && <OpenChannel peer={opening} onClose={() => setOpening(undefined)} />}
    </>
  )
}

/** All pages of the graph, put together. */
function useGraph(): NetworkGraph | undefined {
  const { api } = useNode()
  const [graph, setGraph] = useState<NetworkGraph>()
  const read = useCallback(() => api.network(), [api])
  useEffect(() => {
    let isCurrent = true
    read().then(
      (answer) => isCurrent && setGraph(answer),
      () => isCurrent && setGraph({ nodes: [], channels: [] }),
    )
    return () => {
      isCurrent = false
    }
  }, [read])
  return graph
}

interface NodeTableProps {
  nodes: NetworkNode[]
  channels: NetworkChannel[]
  own: string
  onOpen: (uri: string) => void
}

function NodeTable({ nodes, channels, own, onOpen }: NodeTableProps) {
  const { t } = useText()
  const capacity = useMemo(() => {
    const sums = new Map<string, number>()
    for (const { node_1, node_2, capacity_sat } of channels) {
      for (const id of [node_1, node_2]) sums.set(id, (sums.get(id) ?? 0) + (capacity_sat ?? 0))
    }
    return sums
  }, [channels])
  return (
    <section className="card flush scroll">
      <table className="stacked">
        <thead>
          <tr>
            <th scope="col">{t.nodeName}</th>
            <th scope="col" className="number">
              {t.channels}
            </th>
            <th scope="col" className="number">
              {t.capacity}
            </th>
            <th scope="col">
              <span className="visually-hidden">{t.openChannel}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {nodes.map((node) => (
            <tr key={node.node_id}>
              <td data-label={t.nodeName}>
                <span>
                {strangersText(node.alias).trim() || t.nameless} <code title={node.node_id}>{shorten(node.node_id)}</code>{' '}
                {node.node_id === own && <span className="pill good">{t.thisNode}</span>}
                </span>
              </td>
              <td className="number" data-label={t.channels}>{node.channels}</td>
              <td className="number" data-label={t.capacity}>
                <Sat sat={capacity.get(node.node_id) ?? 0} />
              </td>
              <td>
                {node.node_id !== own && (
                  <button type="button" className="plain small" onClick={() => onOpen(node.addresses[0] ? `${node.node_id}@${node.addresses[0]}` : node.node_id)}>
                    {t.openChannel}
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
