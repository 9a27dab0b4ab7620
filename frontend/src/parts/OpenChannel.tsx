import { readPayTarget } from '@zarnitsa/light-client/page'
import { useState } from 'react'

import { parseAmount } from '../format'
import { useNode, useOrder, usePlain, useProved } from '../node/context'
import { go } from '../router'
import { useText } from '../text'
import { useUnit } from '../unit'
import { Sat } from './Amount'
import { Command, Field } from './Command'
import { Dialog } from './Dialog'
import { Callout } from './Empty'
import { FeeChoice, type FeeRate } from './FeeChoice'
import { NodesWord, ProofBadge } from './ProofBadge'

/** Everything that opening a channel asks. */
export function OpenChannel({ peer = '', onClose }: { peer?: string; onClose: () => void }) {
  const { t } = useText()
  const { unit, unitName } = useUnit()
  const { api } = useNode()
  const order = useOrder()
  const wallet = usePlain(api.balance)
  const proof = useProved('policy')
  const policy = proof.answer?.value
  const [uri, setUri] = useState(peer)
  const [amount, setAmount] = useState('')
  const [all, setAll] = useState(false)
  const [push, setPush] = useState('')
  const [announce, setAnnounce] = useState(false)
  const [fee, setFee] = useState<FeeRate>()
  const target = readPayTarget(uri)
  const open = async () => {
    if (target.kind !== 'node') throw new Error(t.notANode)
    const msat = all ? undefined : parseAmount(amount, unit)
    if (!all && (!msat || msat % 1_000n !== 0n)) throw new Error(t.amountWholeSat)
    const pushMsat = push.trim() === '' ? 0n : parseAmount(push, unit)
    if (pushMsat === undefined || (msat !== undefined && pushMsat >= msat)) throw new Error(t.pushWrong)
    if (fee === 'invalid') throw new Error(t.feeWrong)
    const channelId = await order('openChannel', {
      peer: target.nodeId,
      address: target.address,
      amountSat: msat === undefined ? undefined : msat / 1_000n,
      pushMsat,
      feeRateSatVb: fee,
      announce,
    })
    onClose()
    go(`/channels/${channelId}`)
  }
  return (
    <Dialog title={t.openChannel} onClose={onClose}>
      <Command label={t.open} busy={t.opening_} act={open}>
        <Field
          label={t.peerAddress}
          hint="02…@host:9735"
          value={uri}
          onChange={setUri}
          note={uri !== '' && target.kind !== 'node' && <span className="trouble">{t.notANode}</span>}
        />
        <Field
          label={`${t.amount}, ${unitName}`}
          value={all ? t.allOfIt : amount}
          inputMode="decimal"
          onChange={(text) => {
            setAll(false)
            setAmount(text)
          }}
          note={
            wallet && (
              <>
                {t.available}: <Sat sat={wallet.onchain_sat} /> <NodesWord />{' '}
                <button type="button" className="link" onClick={() => setAll(true)}>
                  {t.takeAll}
                </button>
                {policy && (
                  <>
                    {' '}
                    {t.allowed} <Sat sat={policy.minChannelSat} /> – <Sat sat={policy.maxChannelSat} /> <ProofBadge proof={proof} brief />
                  </>
                )}
              </>
            )
          }
        />
        <FeeChoice onChange={setFee} />
        <details>
          <summary>{t.moreChoices}</summary>
          <div className="stack" style={{ marginTop: '0.8rem' }}>
            <Field label={`${t.pushAmount}, ${unitName}`} value={push} inputMode="decimal" onChange={setPush} note={t.pushNote} />
            <label className="check">
              <input type="checkbox" checked={announce} onChange={({ target: box }) => setAnnounce(box.checked)} />
              <span>{t.announce}</span>
            </label>
          </div>
        </details>
        <Callout icon="info">{t.openText}</Callout>
      </Command>
    </Dialog>
  )
}
