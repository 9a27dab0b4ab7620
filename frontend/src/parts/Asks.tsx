import type { Ask as PeersAsk } from '@zarnitsa/light-client'
import { useState } from 'react'

import { strangersText } from '../format'
import type { Ask } from '../node/api'
import { useFetched, useNode, useOrder, useProved } from '../node/context'
import { Link } from '../router'
import { useText } from '../text'
import { Sat } from './Amount'
import { Awaited } from './Awaited'
import { Command, Field } from './Command'
import { Dialog } from './Dialog'
import { Empty } from './Empty'
import { PeerName } from './PeerName'
import { ProofBadge } from './ProofBadge'
import { NoAnswer } from './Trouble'
import { Moment } from './When'

/** Channels that this node asks hubs for, and that peers ask this node for. */
export function Asks() {
  return (
    <>
      <OfPeers />
      <OwnAsks />
    </>
  )
}

/** All that peers ask for: none can be left out, or made up. */
function OfPeers() {
  const { t } = useText()
  const { info } = useNode()
  const proof = useProved('asks')
  const asks = proof.answer && [...proof.answer.value.items].sort((a, b) => Number(b.createdHeight - a.createdHeight))
  if (info.role !== 'hub' && asks?.length === 0) return null
  return (
    <section className="card flush" aria-label={t.asksOfPeers}>
      <header>
        <h2>{t.asksOfPeers}</h2>
        <span className="count">{asks?.length ?? '…'}</span>
        <span className="grow" />
        <ProofBadge proof={proof} />
      </header>
      <Awaited proof={proof} />
      {asks?.length === 0 && <Empty icon="receive" text={t.asksNoneOfPeers} />}
      {asks && asks.length > 0 && <p className="soft inset">{t.asksDecide}</p>}
      {proof.answer?.value.complete === false && <p className="soft inset">{t.newestOnly}</p>}
      <ul className="list">
        {asks?.map((ask) => (
          <li key={ask.askId}>
            <OfPeer ask={ask} />
          </li>
        ))}
      </ul>
    </section>
  )
}

/** The node lists its own, and the ledger proves what became of each. */
function OwnAsks() {
  const { t } = useText()
  const { api } = useNode()
  const { answer, error } = useFetched(api.asks, 5_000)
  const own = answer?.filter(({ direction }) => direction === 'outgoing')
  return (
    <section className="card flush" aria-label={t.asksOwn}>
      <header>
        <h2>{t.asksOwn}</h2>
        <span className="count">{own?.length ?? '…'}</span>
      </header>
      {!own && (error === undefined ? <p className="empty">{t.checking}…</p> : <NoAnswer error={error} />)}
      {own?.length === 0 && <Empty icon="receive" text={t.asksNone} />}
      <ul className="list">
        {own?.map((ask) => (
          <li key={ask.ask_id}>
            <Own ask={ask} />
          </li>
        ))}
      </ul>
    </section>
  )
}

interface Shown {
  peer: string
  amountSat: bigint
  status: string
  reason: string
  channelId: string | undefined
  createdAt: Date
}

/** What is asked for, of whom, and what came of it. */
function What({ ask: { peer, amountSat, status, reason, channelId, createdAt } }: { ask: Shown }) {
  const { t, language } = useText()
  return (
    <span className="what">
      <span>
        <PeerName nodeId={peer} /> <AskPill status={status} />
      </span>
      <small>
        <Sat sat={amountSat} />, <Moment time={createdAt} language={language} />
        {channelId !== undefined && (
          <>
            , <Link to={`/channels/${channelId}`}>{t.toChannel}</Link>
          </>
        )}
      </small>
      {reason !== '' && <small style={{ whiteSpace: 'normal' }}>{strangersText(reason)}</small>}
    </span>
  )
}

const TONES: Record<string, string> = { asked: 'wait', approved: 'wait', opening: 'wait', opened: 'good', refused: 'bad' }

function AskPill({ status }: { status: string }) {
  const { t } = useText()
  const words: Record<string, string> = t.askStates
  return <span className={`pill ${TONES[status] ?? ''}`}>{words[status] ?? status}</span>
}

/** An order of this node's: the ledger proves what became of it. */
function Own({ ask }: { ask: Ask }) {
  const proof = useProved('order', ask.ask_id)
  const order = proof.answer?.value
  return (
    <div>
      {order?.ask && (
        <What
          ask={{
            peer: order.ask.hub,
            amountSat: order.ask.amountSat,
            status: { done: 'opened', failed: 'refused' }[order.status] ?? (order.channelId === undefined ? 'asked' : 'opening'),
            reason: order.reason,
            channelId: order.channelId,
            createdAt: new Date(ask.created_at * 1_000),
          }}
        />
      )}
      <ProofBadge proof={proof} brief />
    </div>
  )
}

/** The operator decides, where the policy wants it so. */
function OfPeer({ ask }: { ask: PeersAsk }) {
  const { t } = useText()
  const order = useOrder()
  const [isRefusing, setRefusing] = useState(false)
  const { askId, status, receivedAt } = ask
  return (
    <div>
      <What ask={{ ...ask, createdAt: receivedAt }} />
      {(status === 'asked' || status === 'approved') && (
        <span className="row">
          {status === 'asked' && <Command label={t.approve} busy={t.working} act={() => order('decideAsk', { askId, approve: true })} />}
          <button type="button" className="plain" onClick={() => setRefusing(true)}>
            {t.refuse}
          </button>
        </span>
      )}
      {isRefusing && <Refuse askId={askId} onClose={() => setRefusing(false)} />}
    </div>
  )
}

function Refuse({ askId, onClose }: { askId: string; onClose: () => void }) {
  const { t } = useText()
  const order = useOrder()
  const [reason, setReason] = useState('')
  const refuse = async () => {
    if (new TextEncoder().encode(reason.trim()).length > MAX_REASON) throw new Error(t.refuseTooLong)
    await order('decideAsk', { askId, approve: false, reason })
    onClose()
  }
  return (
    <Dialog title={t.refuseTitle} onClose={onClose}>
      <Command label={t.refuse} busy={t.working} danger act={refuse}>
        <Field label={t.refuseReason} value={reason} onChange={setReason} />
      </Command>
    </Dialog>
  )
}

/** The message to the peer has room for so much. */
const MAX_REASON = 200
