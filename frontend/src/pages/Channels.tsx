import { useState } from 'react'

import { Amount } from '../parts/Amount'
import { BalanceBar } from '../parts/BalanceBar'
import { Command, Field } from '../parts/Command'
import { ProofBadge } from '../parts/ProofBadge'
import { parseSat, shorten } from '../format'
import { useNode, useProved } from '../node/context'
import { go, Link } from '../router'
import { useText } from '../text'

export function Channels() {
  const { t } = useText()
  const channels = useProved('channels')
  return (
    <>
      <h1>
        {t.channels} <ProofBadge proof={channels} />
      </h1>
      {channels.answer?.value.length === 0 && <p>{t.nothingYet}</p>}
      <ul className="channels">
        {channels.answer?.value.map((channel) => (
          <li key={channel.channelId}>
            <Link to={`/channels/${channel.channelId}`}>{channel.shortChannelId ?? shorten(channel.channelId)}</Link>
            <span className={`state ${channel.state}`}>{channel.state}</span>
            <code>{shorten(channel.peer)}</code>
            <div className="sides">
              <Amount msat={channel.localMsat} />
              <Amount msat={channel.remoteMsat} />
            </div>
            <BalanceBar channel={channel} />
          </li>
        ))}
      </ul>
      <OpenChannel />
    </>
  )
}

function OpenChannel() {
  const { t } = useText()
  const { api } = useNode()
  const [peer, setPeer] = useState('')
  const [amount, setAmount] = useState('')
  const open = async () => {
    const msat = parseSat(amount)
    if (msat === undefined || msat % 1000n !== 0n) throw new Error(t.amountWrong)
    const { channel_id } = await api.openChannel(peer.trim(), msat / 1000n)
    go(`/channels/${channel_id}`)
  }
  return (
    <section>
      <h2>{t.openChannel}</h2>
      <Command label={t.open} act={open}>
        <Field label={t.peerAddress} value={peer} onChange={setPeer} />
        <Field label={t.amountSat} value={amount} onChange={setAmount} />
      </Command>
    </section>
  )
}
