import type { Channel } from '@zarnitsa/light-client'
import { useState } from 'react'

import type { ChannelNow } from '../node/api'
import { blocksAsTime } from '../format'
import { useOrder, useProved } from '../node/context'
import { useText } from '../text'
import { Amount } from './Amount'
import { Choice } from './Choice'
import { Command } from './Command'
import { Dialog } from './Dialog'
import { Callout } from './Empty'
import { FeeChoice, type FeeRate } from './FeeChoice'
import { ProofBadge } from './ProofBadge'

interface CloseProps {
  channel: Channel
  now: ChannelNow | undefined
  onClose: () => void
}

/** Closing with the peer or without it, and what each costs. */
export function CloseChannel({ channel, now, onClose }: CloseProps) {
  const { t } = useText()
  const order = useOrder()
  const proved = useProved('channel', channel.channelId)
  const isOffline = now?.state === 'offline'
  const [way, setWay] = useState<'together' | 'force'>(isOffline ? 'force' : 'together')
  const [fee, setFee] = useState<FeeRate>()
  const [isSure, setSure] = useState(false)
  const flight = channel.offeredMsat + channel.receivedMsat
  const close = async () => {
    if (fee === 'invalid') throw new Error(t.feeWrong)
    await order('closeChannel', { channelId: channel.channelId, force: way === 'force', feeRateSatVb: fee })
    onClose()
  }
  return (
    <Dialog title={t.closeChannel} onClose={onClose}>
      <Command
        label={way === 'force' ? t.forceClose : t.closeChannel}
        busy={t.closing_}
        danger
        disabled={way === 'force' && !isSure}
        act={close}
        beside={
          <button type="button" className="plain" onClick={onClose}>
            {t.cancel}
          </button>
        }
      >
        <Choice
          label={t.closeHow}
          value={way}
          onChange={setWay}
          options={[
            ['together', t.closeTogether],
            ['force', t.forceClose],
          ]}
        />
        <p>
          {t.closeYours} <Amount msat={channel.localMsat} /> <ProofBadge proof={proved} brief />
        </p>
        {flight > 0n && (
          <Callout tone="wait" icon="clock">
            {t.closeInFlight} <Amount msat={flight} />
          </Callout>
        )}
        {way === 'together' ? (
          <>
            <p className="soft">{t.closeTogetherText}</p>
            {isOffline && (
              <Callout tone="wait" icon="warning">
                {t.closeOffline}
              </Callout>
            )}
            <FeeChoice onChange={setFee} />
          </>
        ) : (
          <ForceWarning isSure={isSure} onSure={setSure} />
        )}
      </Command>
    </Dialog>
  )
}

function ForceWarning({ isSure, onSure }: { isSure: boolean; onSure: (sure: boolean) => void }) {
  const { t, language } = useText()
  const proof = useProved('policy')
  const policy = proof.answer?.value
  return (
    <>
      <Callout tone="bad" icon="warning">
        <strong>{t.forceWarning}</strong>
        <ul>
          <li>
            {t.forceDelay}
            {policy && ` ${t.forceAtMost(policy.maxToSelfDelay, blocksAsTime(policy.maxToSelfDelay, language))}`} <ProofBadge proof={proof} brief />
          </li>
          <li>{t.forceCost}</li>
          <li>{t.forceFinal}</li>
        </ul>
      </Callout>
      <label className="check">
        <input type="checkbox" checked={isSure} onChange={({ target }) => onSure(target.checked)} />
        <span>{t.forceSure}</span>
      </label>
    </>
  )
}
