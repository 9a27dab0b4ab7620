import { useState } from 'react'

import { Command, Field } from '../parts/Command'
import { CopyText } from '../parts/CopyText'
import { Callout, Empty } from '../parts/Empty'
import { NodesWord } from '../parts/ProofBadge'
import { PeerName } from '../parts/PeerName'
import { OpenChannel } from '../parts/OpenChannel'
import { NoAnswer } from '../parts/Trouble'
import { strangersText } from '../format'
import type { Peer } from '../node/api'
import { useFetched, useNode, useProved } from '../node/context'
import { useText } from '../text'

/** The nodes that this one talks to. */
export function Peers() {
  const { t } = useText()
  const { api, info } = useNode()
  const { answer: peers, error } = useFetched(api.peers, 5_000)
  const channels = useProved('channels').answer?.value
  const [opening, setOpening] = useState<string>()
  const channelsOf = (peer: Peer) => channels?.filter((channel) => channel.peer === peer.node_id && channel.state !== 'closed').length ?? 0
  return (
    <>
      <div className="title">
        <h1 tabIndex={-1}>{t.peers}</h1>
        <NodesWord />
      </div>
      <div className="grid wide-left">
        <section className="card flush">
          {!peers && (error === undefined ? <p className="empty">{t.loading}</p> : <NoAnswer error={error} />)}
          {peers?.length === 0 && <Empty icon="peers" text={t.noPeers} />}
          <ul className="list">
            {peers?.map((peer) => (
              <li key={peer.node_id}>
                <PeerRow peer={peer} channels={channelsOf(peer)} onOpen={setOpening} />
              </li>
            ))}
          </ul>
        </section>
        <div className="stack">
          <Connect />
          <section className="card stack tight">
            <h2>{t.ownUri}</h2>
            <p className="soft">{t.ownUriText}</p>
            <CopyText text={info.uri} whole />
          </section>
        </div>
      </div>
      {opening && <OpenChannel peer={opening} onClose={() => setOpening(undefined)} />}
    </>
  )
}

function PeerRow({ peer, channels, onOpen }: { peer: Peer; channels: number; onOpen: (uri: string) => void }) {
  const { t } = useText()
  const { api, mayCommand, refresh } = useNode()
  const disconnect = () => {
    void api.disconnect(peer.node_id).then(refresh, () => undefined)
  }
  return (
    <div>
      <span className={`dot ${peer.connected ? 'good' : 'wait'}`} />
      <span className="what">
        <span>
          <PeerName nodeId={peer.node_id} /> <CopyText text={peer.node_id} bare />
        </span>
        <small>
          {peer.connected ? t.connected : t.reconnecting}
          {peer.address && `, ${strangersText(peer.address)}`}
          {peer.inbound && `, ${t.inbound}`}
          {channels > 0 && `, ${t.channelCount(channels)}`}
        </small>
        {peer.features.length > 0 && (
          <details>
            <summary>
              <small>{t.features}</small>
            </summary>
            <small style={{ whiteSpace: 'normal' }}>{peer.features.map(strangersText).join(', ')}</small>
          </details>
        )}
      </span>
      <span className="row">
        <button type="button" className="plain small" onClick={() => onOpen(peer.address ? `${peer.node_id}@${peer.address}` : peer.node_id)}>
          {t.openChannel}
        </button>
        {mayCommand && (
          <button type="button" className="plain small" onClick={disconnect}>
            {t.disconnect}
          </button>
        )}
      </span>
    </div>
  )
}

function Connect() {
  const { t } = useText()
  const { api, mayCommand, refresh } = useNode()
  const [uri, setUri] = useState('')
  const connect = async () => {
    await api.connect(uri.trim())
    setUri('')
    refresh()
  }
  return (
    <section className="card">
      <Command label={t.connect} busy={t.working} disabled={!mayCommand || uri.trim() === ''} act={connect}>
        <Field label={t.peerAddress} hint="02…@host:9735" value={uri} onChange={setUri} />
        {!mayCommand && (
          <Callout tone="wait" icon="lock">
            {t.readOnlyText}
          </Callout>
        )}
      </Command>
    </section>
  )
}
