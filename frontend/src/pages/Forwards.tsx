import { Amount } from '../parts/Amount'
import { Empty } from '../parts/Empty'
import { Icon } from '../parts/Icon'
import { NodesWord } from '../parts/ProofBadge'
import { StatePill } from '../parts/StatePill'
import { shorten } from '../format'
import type { Forward } from '../node/api'
import { useNode, usePlain } from '../node/context'
import { Link } from '../router'
import { csvTable, saveFile } from '../story/csv'
import { useText } from '../text'

/** Payments that passed through this node, and what they brought. */
export function Forwards() {
  const { t } = useText()
  const { api } = useNode()
  const forwards = usePlain(api.forwards)
  const earned = forwards?.filter(({ status }) => status === 'succeeded').reduce((sum, { fee_msat }) => sum + BigInt(fee_msat), 0n)
  const carried = forwards?.filter(({ status }) => status === 'succeeded').reduce((sum, { amount_msat }) => sum + BigInt(amount_msat), 0n)
  return (
    <>
      <div className="title">
        <h1 tabIndex={-1}>{t.forwards}</h1>
        <NodesWord />
        <span className="grow" />
        {forwards && forwards.length > 0 && (
          <button type="button" className="plain small" onClick={() => save(forwards)}>
            <Icon name="download" /> CSV
          </button>
        )}
      </div>
      {forwards?.length === 0 && <Empty icon="forwards" text={t.noForwards} />}
      {forwards && forwards.length > 0 && (
        <>
          <div className="grid">
            <section className="card stack tight">
              <small>{t.earned}</small>
              <span className="middle">
                <Amount msat={earned ?? 0n} />
              </span>
            </section>
            <section className="card stack tight">
              <small>{t.carried}</small>
              <span className="middle">
                <Amount msat={carried ?? 0n} />
              </span>
            </section>
          </div>
          <Table forwards={forwards} />
        </>
      )}
    </>
  )
}

function Table({ forwards }: { forwards: Forward[] }) {
  const { t } = useText()
  return (
    <section className="card flush scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">{t.payment}</th>
            <th scope="col">{t.cameBy}</th>
            <th scope="col">{t.wentBy}</th>
            <th scope="col" className="number">
              {t.amount}
            </th>
            <th scope="col" className="number">
              {t.fee}
            </th>
            <th scope="col">{t.state}</th>
          </tr>
        </thead>
        <tbody>
          {forwards.map((forward) => (
            <tr key={`${forward.payment_hash}${forward.incoming_channel_id}`}>
              <td>
                <code title={forward.payment_hash}>{shorten(forward.payment_hash)}</code>
              </td>
              <td>
                <Link to={`/channels/${forward.incoming_channel_id}`}>{shorten(forward.incoming_channel_id)}</Link>
              </td>
              <td>
                <Link to={`/channels/${forward.outgoing_channel_id}`}>{shorten(forward.outgoing_channel_id)}</Link>
              </td>
              <td className="number">
                <Amount msat={BigInt(forward.amount_msat)} />
              </td>
              <td className="number">
                <Amount msat={BigInt(forward.fee_msat)} />
              </td>
              <td>
                <StatePill state={forward.status} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

/** The oldest first, with the running sum of what was earned. */
function save(forwards: Forward[]): void {
  const head = ['payment_hash', 'incoming_channel_id', 'outgoing_channel_id', 'status', 'amount_msat', 'fee_msat', 'earned_msat']
  let earned = 0n
  const rows = [...forwards].reverse().map((forward) => {
    if (forward.status === 'succeeded') earned += BigInt(forward.fee_msat)
    const { payment_hash, incoming_channel_id, outgoing_channel_id, status, amount_msat, fee_msat } = forward
    return [payment_hash, incoming_channel_id, outgoing_channel_id, status, amount_msat, fee_msat, earned]
  })
  saveFile('zarnitsa-forwards.csv', 'text/csv', csvTable(head, rows))
}
