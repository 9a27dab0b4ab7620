import { Channel } from '../pages/Channel'
import { Channels } from '../pages/Channels'
import { Home } from '../pages/Home'
import { Ledger } from '../pages/Ledger'
import { Pay } from '../pages/Pay'
import { Receive } from '../pages/Receive'
import { strangersText } from '../format'
import { useNode } from '../node/context'
import { Link, usePath } from '../router'
import { useText, type Language } from '../text'

const CHANNEL = /^\/channels\/([0-9a-f]{64})$/

/** What stands around every page: where one is, and whether anything is wrong. */
export function Shell() {
  const { t, language, choose } = useText()
  const { info, connected, distrust } = useNode()
  const other: Language = language === 'en' ? 'ru' : 'en'
  return (
    <>
      <header>
        <strong>{strangersText(info.alias) || 'Zarnitsa'}</strong>
        <span className="network">{info.network}</span>
        <nav aria-label="Zarnitsa">
          <Link to="/">{t.home}</Link>
          <Link to="/channels">{t.channels}</Link>
          <Link to="/pay">{t.pay}</Link>
          <Link to="/receive">{t.receive}</Link>
          <Link to="/ledger">{t.ledger}</Link>
        </nav>
        <button type="button" className="quiet" lang={other} onClick={() => choose(other)}>
          {other === 'en' ? 'English' : 'Русский'}
        </button>
      </header>
      {distrust && (
        <p role="alert" className="alarm">
          {t.locked} <small>{distrust}</small>
        </p>
      )}
      {!connected && <p className="notice">{t.disconnected}</p>}
      <main>
        <Page />
      </main>
    </>
  )
}

function Page() {
  const path = usePath()
  const channel = CHANNEL.exec(path)?.[1]
  if (channel) return <Channel key={channel} channelId={channel} />
  if (path.startsWith('/channels')) return <Channels />
  if (path === '/pay') return <Pay />
  if (path === '/receive') return <Receive />
  if (path === '/ledger') return <Ledger />
  return <Home />
}
