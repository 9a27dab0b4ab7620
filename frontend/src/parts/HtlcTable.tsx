import { shorten } from '../format'
import type { ChannelHtlc } from '../node/api'
import { useNode, usePlain } from '../node/context'
import { useText } from '../text'
import { Amount } from './Amount'
import { NodesWord } from './ProofBadge'

/** Payments that are passing through a channel now. */
export function HtlcTable({ htlcs }: { htlcs: ChannelHtlc[] }) {
  const { t, language } = useText()
  const states: Record<string, string> = t.htlcStates
  const { api } = useNode()
  const height = usePlain(api.info, 15_000)?.block_height
  return (
    <section className="card flush">
      <header>
        <h2>{t.inFlight}</h2>
        <span className="count">{htlcs.length}</span>
        <span className="grow" />
        <NodesWord />
      </header>
      <div className="scroll">
        <table className="stacked">
          <thead>
            <tr>
              <th scope="col">{t.direction}</th>
              <th scope="col" className="number">
                {t.amount}
              </th>
              <th scope="col">{t.payment}</th>
              <th scope="col">{t.state}</th>
              <th scope="col">{t.timesOut}</th>
            </tr>
          </thead>
          <tbody>
            {htlcs.map((htlc) => (
              <tr key={`${htlc.direction}${htlc.id}`}>
                <td data-label={t.direction}>{htlc.direction === 'incoming' ? t.incoming : t.outgoing}</td>
                <td className="number" data-label={t.amount}>
                  <Amount msat={BigInt(htlc.amount_msat)} />
                </td>
                <td data-label={t.payment}>
                  <code title={htlc.payment_hash}>{shorten(htlc.payment_hash)}</code>
                </td>
                <td data-label={t.state}>{states[htlc.state] ?? htlc.state}</td>
                <td data-label={t.timesOut}>
                  {htlc.cltv_expiry.toLocaleString(language)}
                  {height !== undefined && <small> ({t.inBlocks(Math.max(0, htlc.cltv_expiry - height))})</small>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
