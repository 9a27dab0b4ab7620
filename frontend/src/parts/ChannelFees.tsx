import { useState } from 'react'

import { formatMsat, parseSat } from '../format'
import { useNode, useOrder, usePlain, useProved } from '../node/context'
import { useText } from '../text'
import { Amount } from './Amount'
import { Command, Field } from './Command'
import { Dialog } from './Dialog'
import { NodesWord, ProofBadge } from './ProofBadge'

/** What this node charges for passing payments on by this channel. */
export function ChannelFees({ channelId }: { channelId: string }) {
  const { t, language } = useText()
  const { api } = useNode()
  const proof = useProved('policy')
  const policy = proof.answer?.value
  const own = usePlain(api.policy)?.channels.find((channel) => channel.channel_id === channelId)
  const [isOpen, setOpen] = useState(false)
  if (!policy) return null
  const baseFeeMsat = own ? BigInt(own.base_fee_msat) : policy.baseFeeMsat
  const feePpm = own?.fee_ppm ?? policy.feePpm
  const cltvDelta = own?.cltv_delta ?? policy.cltvDelta
  return (
    <>
      <Amount msat={baseFeeMsat} /> + {feePpm.toLocaleString(language)} {t.units.ppm}{' '}
      <button type="button" className="link" onClick={() => setOpen(true)}>
        {t.change}
      </button>{' '}
      {own ? <NodesWord /> : <ProofBadge proof={proof} brief />}
      {isOpen && (
        <Dialog title={t.channelFees} onClose={() => setOpen(false)}>
          <Form channelId={channelId} now={{ baseFeeMsat, feePpm, cltvDelta }} hasOwn={own !== undefined} onDone={() => setOpen(false)} />
        </Dialog>
      )}
    </>
  )
}

interface FormProps {
  channelId: string
  now: { baseFeeMsat: bigint; feePpm: number; cltvDelta: number }
  hasOwn: boolean
  onDone: () => void
}

function Form({ channelId, now, hasOwn, onDone }: FormProps) {
  const { t } = useText()
  const order = useOrder()
  const [base, setBase] = useState(formatMsat(now.baseFeeMsat, 'en').replaceAll(',', ''))
  const [ppm, setPpm] = useState(String(now.feePpm))
  const [delta, setDelta] = useState(String(now.cltvDelta))
  const save = async () => {
    const baseFeeMsat = parseSat(base)
    const isWhole = (text: string, most: number) => /^\d{1,7}$/.test(text.trim()) && Number(text) <= most
    if (baseFeeMsat === undefined || !isWhole(ppm, 1_000_000) || !isWhole(delta, 65_535)) throw new Error(t.numberWrong)
    await order('setChannelPolicy', { channelId, fees: { baseFeeMsat, feePpm: Number(ppm), cltvDelta: Number(delta) } })
    onDone()
  }
  const giveBack = async () => {
    await order('setChannelPolicy', { channelId, fees: undefined })
    onDone()
  }
  return (
    <>
      <Command label={t.savePolicy} busy={t.working} act={save}>
        <p className="soft">{t.channelFeesText}</p>
        <div className="pair">
          <Field label={`${t.policyFields.baseFeeMsat}, ${t.units.msat}`} value={base} inputMode="decimal" onChange={setBase} />
          <Field label={`${t.policyFields.feePpm}, ${t.units.ppm}`} value={ppm} inputMode="numeric" onChange={setPpm} />
          <Field label={t.policyFields.cltvDelta} value={delta} inputMode="numeric" onChange={setDelta} />
        </div>
      </Command>
      {hasOwn && <Command label={t.asPolicy} busy={t.working} act={giveBack} />}
    </>
  )
}
