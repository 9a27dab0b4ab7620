import { readPayTarget } from '@zarnitsa/light-client/page'
import { useState } from 'react'

import { parseAmount } from '../format'
import { useNode, useOrder, usePlain } from '../node/context'
import { go } from '../router'
import { useText } from '../text'
import { useUnit } from '../unit'
import { Command, Field } from './Command'
import { Dialog } from './Dialog'
import { Callout } from './Empty'
import { PeerName } from './PeerName'

/** Asks a hub for a channel in which the hub has the coins, so that this node can be paid. */
export function AskChannel({ onClose }: { onClose: () => void }) {
  const { t } = useText()
  const { unit, unitName } = useUnit()
  const { api } = useNode()
  const order = useOrder()
  const peers = usePlain(api.peers)?.filter(({ connected }) => connected)
  const [written, setWritten] = useState<string>()
  const [amount, setAmount] = useState('')
  // Most people have one hub: it stands there already.
  const hub = written ?? (peers?.length === 1 ? peers[0]!.node_id : '')
  const target = readPayTarget(hub)
  const ask = async () => {
    if (target.kind !== 'node') throw new Error(t.notANode)
    const msat = parseAmount(amount, unit)
    if (!msat || msat % 1_000n !== 0n) throw new Error(t.amountWholeSat)
    await order('askChannel', { hub: target.nodeId, address: target.address, amountSat: msat / 1_000n })
    onClose()
    go('/channels/asks')
  }
  return (
    <Dialog title={t.askHub} onClose={onClose}>
      <Command label={t.askSend} busy={t.working} act={ask}>
        <Callout icon="info">{t.askHubText}</Callout>
        <Field
          label={t.askWhom}
          hint="02…@host:9735"
          value={hub}
          onChange={setWritten}
          note={hub !== '' && target.kind !== 'node' && <span className="trouble">{t.notANode}</span>}
        />
        {peers && peers.length > 1 && (
          <div className="stack tight">
            <small>{t.askConnected}</small>
            <div className="buttons">
              {peers.slice(0, MOST_PEERS).map(({ node_id }) => (
                <button key={node_id} type="button" className="plain small" onClick={() => setWritten(node_id)}>
                  <PeerName nodeId={node_id} />
                </button>
              ))}
            </div>
          </div>
        )}
        <Field label={`${t.askAmount}, ${unitName}`} value={amount} inputMode="decimal" onChange={setAmount} />
      </Command>
    </Dialog>
  )
}

/** More are not chosen from, but written. */
const MOST_PEERS = 6

/** The button that opens the dialog. */
export function AskButton({ plain = false }: { plain?: boolean }) {
  const { t } = useText()
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <button type="button" className={plain ? 'plain' : 'plain small'} onClick={() => setOpen(true)}>
        {t.askHub}
      </button>
      {isOpen && <AskChannel onClose={() => setOpen(false)} />}
    </>
  )
}
