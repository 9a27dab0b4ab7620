import { useState } from 'react'

import { ChannelFacts } from '../parts/ChannelFacts'
import { ChannelHistory } from '../parts/ChannelHistory'
import { Command } from '../parts/Command'
import { CopyText } from '../parts/CopyText'
import { ProofBadge } from '../parts/ProofBadge'
import { useNode, useProved } from '../node/context'
import { useText } from '../text'

const CLOSABLE = new Set(['awaiting_confirmations', 'awaiting_peer_ready', 'normal', 'offline', 'shutting_down'])

export function Channel({ channelId }: { channelId: string }) {
  const { t } = useText()
  const proof = useProved('channel', channelId)
  const channel = proof.answer?.value
  return (
    <>
      <h1>
        {t.channel} <ProofBadge proof={proof} />
      </h1>
      <CopyText text={channelId} whole />
      {proof.state === 'proved' && !channel && <p>{t.noSuchChannel}</p>}
      {channel && (
        <>
          <ChannelFacts channel={channel} />
          {CLOSABLE.has(channel.state) && <Closing channelId={channelId} />}
          <ChannelHistory channelId={channelId} />
        </>
      )}
    </>
  )
}

function Closing({ channelId }: { channelId: string }) {
  const { t } = useText()
  const { api } = useNode()
  const [force, setForce] = useState<boolean>()
  if (force === undefined) {
    return (
      <p className="buttons">
        <button type="button" onClick={() => setForce(false)}>
          {t.closeChannel}
        </button>
        <button type="button" className="quiet" onClick={() => setForce(true)}>
          {t.forceClose}
        </button>
      </p>
    )
  }
  const close = async () => {
    await api.closeChannel(channelId, force)
    setForce(undefined)
  }
  return (
    <section>
      <h2>{force ? t.forceClose : t.closeChannel}</h2>
      {force && <p role="alert">{t.forceWarning}</p>}
      <Command label={t.confirm} act={close}>
        <button type="button" className="quiet" onClick={() => setForce(undefined)}>
          {t.cancel}
        </button>
      </Command>
    </section>
  )
}
