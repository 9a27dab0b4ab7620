import { shorten, strangersText } from '../format'
import { Link } from '../router'
import type { Activity } from '../story/activity'
import { useText } from '../text'
import { Amount } from './Amount'
import { Icon } from './Icon'
import { StatePill } from './StatePill'
import { When } from './When'

/** Payments in and out, each with the way to its own page. */
export function ActivityList({ items }: { items: Activity[] }) {
  return (
    <ul className="list">
      {items.map((item) => (
        <li key={`${item.kind}${item.paymentHash}`}>
          <Link to={`/payments/${item.kind}/${item.paymentHash}`}>
            <Item item={item} />
          </Link>
        </li>
      ))}
    </ul>
  )
}

function Item({ item }: { item: Activity }) {
  const { t } = useText()
  const tone = item.status === 'failed' ? 'bad' : item.kind === 'received' && item.isDone ? 'in' : ''
  const name = strangersText(item.description).trim() || (item.kind === 'sent' ? t.sentPayment : t.receivedPayment)
  return (
    <>
      <span className={`round ${tone}`}>
        <Icon name={item.kind === 'sent' ? 'pay' : 'receive'} />
      </span>
      <span className="what">
        <span>{name}</span>
        <small>
          <When height={item.height} /> <code>{shorten(item.paymentHash)}</code>
        </small>
      </span>
      <span className="end">
        {item.isDone ? (
          <Amount msat={item.kind === 'sent' ? -(item.amountMsat + item.feeMsat) : item.amountMsat} signed />
        ) : (
          <span className="soft">{item.amountMsat === 0n ? t.anyAmountShort : <Amount msat={item.amountMsat} />}</span>
        )}
        {!item.isDone && <StatePill state={item.status} />}
      </span>
    </>
  )
}
