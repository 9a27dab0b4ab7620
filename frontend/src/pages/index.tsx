import { lazy, Suspense, useEffect } from 'react'

import { useNode } from '../node/context'
import { strangersText } from '../format'
import { PLACES } from '../places'
import { isAt, Link } from '../router'
import { useText } from '../text'
import { Block } from './Block'
import { Channel } from './Channel'
import { Channels } from './Channels'
import { Forwards } from './Forwards'
import { Home } from './Home'
import { Ledger } from './Ledger'
import { Logs } from './Logs'
import { Pay } from './Pay'
import { Payment } from './Payment'
import { Payments } from './Payments'
import { Peers } from './Peers'
import { Policy } from './Policy'
import { Receive } from './Receive'
import { Settings } from './Settings'
import { Transaction } from './Transaction'
import { Wallet } from './Wallet'

/** The picture of the graph is large: it comes when it is wanted. */
const Network = lazy(() => import('./Network').then(({ Network: component }) => ({ default: component })))

const ID = '([0-9a-f]{64})'
const CHANNEL = new RegExp(`^/channels/${ID}$`)
const PAYMENT = new RegExp(`^/payments/(sent|received)/${ID}$`)
const TRANSACTION = new RegExp(`^/ledger/transactions/${ID}$`)
const BLOCK = /^\/ledger\/blocks\/(\d{1,15})$/

/** The page that a path names. */
export function Page({ path }: { path: string }) {
  useTitle(path)
  const channel = CHANNEL.exec(path)?.[1]
  if (channel) return <Channel key={channel} channelId={channel} />
  const [, kind, payment] = PAYMENT.exec(path) ?? []
  if (payment) return <Payment key={path} kind={kind as 'sent' | 'received'} paymentHash={payment} />
  const transaction = TRANSACTION.exec(path)?.[1]
  if (transaction) return <Transaction key={transaction} hash={transaction} />
  const block = BLOCK.exec(path)?.[1]
  if (block) return <Block key={block} height={Number(block)} />
  return <Named path={path} />
}

/** What the browser's tab says: where one is, and at which node. */
function useTitle(path: string): void {
  const { t } = useText()
  const { info } = useNode()
  const place = PLACES.flatMap(({ places }) => places).find((known) => isAt(path, known.path))
  const name = place?.name(t) ?? ''
  useEffect(() => {
    document.title = [name, strangersText(info.alias).trim() || 'Zarnitsa'].filter(Boolean).join(', ')
  }, [name, info.alias])
}

function Named({ path }: { path: string }) {
  const { t } = useText()
  switch (path) {
    case '/':
      return <Home />
    case '/channels':
    case '/channels/pending':
    case '/channels/closed':
    case '/channels/asks':
      return <Channels tab={path} />
    case '/pay':
      return <Pay />
    case '/receive':
      return <Receive />
    case '/payments':
      return <Payments />
    case '/wallet':
      return <Wallet />
    case '/forwards':
      return <Forwards />
    case '/peers':
      return <Peers />
    case '/network':
      return (
        <Suspense fallback={<p className="soft">{t.checking}</p>}>
          <Network />
        </Suspense>
      )
    case '/ledger':
      return <Ledger />
    case '/policy':
      return <Policy />
    case '/logs':
      return <Logs />
    case '/settings':
      return <Settings />
    default:
      return (
        <>
          <h1 tabIndex={-1}>{t.noSuchPage}</h1>
          <Link to="/">{t.home}</Link>
        </>
      )
  }
}
