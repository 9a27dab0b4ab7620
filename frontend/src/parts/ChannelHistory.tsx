import { MAX_HISTORY } from '@zarnitsa/light-client'
import { useState } from 'react'

import { useProved } from '../node/context'
import { useText } from '../text'
import { Amount } from './Amount'
import { ProofBadge } from './ProofBadge'

/** Every step of a channel, a thousand to a page. */
export function ChannelHistory({ channelId }: { channelId: string }) {
  const { t } = useText()
  const [from, setFrom] = useState(0)
  const proof = useProved('history', channelId, from)
  const page = proof.answer?.value
  return (
    <section>
      <h2>
        {t.history} <ProofBadge proof={proof} />
      </h2>
      <table>
        <thead>
          <tr>
            <th scope="col">№</th>
            <th scope="col">{t.step}</th>
            <th scope="col">{t.ours}</th>
            <th scope="col">{t.theirs}</th>
            <th scope="col">{t.block}</th>
          </tr>
        </thead>
        <tbody>
          {page?.entries.map((entry, at) => (
            <tr key={page.from + at}>
              <td>{page.from + at}</td>
              <td>
                {entry.kind} <small>{entry.by}</small>
              </td>
              <td>
                <Amount msat={entry.localMsat} />
              </td>
              <td>
                <Amount msat={entry.remoteMsat} />
              </td>
              <td>{entry.height.toString()}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {page && page.length > MAX_HISTORY && (
        <p className="buttons">
          <button type="button" disabled={from === 0} onClick={() => setFrom(Math.max(0, from - MAX_HISTORY))}>
            {t.earlier}
          </button>
          <button
            type="button"
            disabled={from + MAX_HISTORY >= page.length}
            onClick={() => setFrom(from + MAX_HISTORY)}
          >
            {t.later}
          </button>
        </p>
      )}
    </section>
  )
}
