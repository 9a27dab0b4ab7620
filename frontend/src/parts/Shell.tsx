import { useEffect, useRef, useState } from 'react'

import { Page } from '../pages'
import { strangersText } from '../format'
import { useNode, useProved } from '../node/context'
import { PLACES, type Place } from '../places'
import { Link, usePath, useVisit } from '../router'
import { useText } from '../text'
import { Alarms } from './Alarm'
import { Icon } from './Icon'
import { KeyDialog } from './KeyDialog'
import { ProofBadge } from './ProofBadge'

/** What stands around every page: where one is, and whether anything is wrong. */
export function Shell() {
  const { t } = useText()
  const { connected } = useNode()
  const path = usePath()
  const visit = useVisit()
  const [isMenuOpen, setMenuOpen] = useState(false)
  const main = useRef<HTMLElement>(null)
  const at = `${path} ${visit}`
  const shown = useRef(at)
  useEffect(() => {
    if (shown.current === at) return
    shown.current = at
    setMenuOpen(false)
    // Whoever reads by ear is told of the new page.
    main.current?.querySelector<HTMLElement>('h1')?.focus()
  }, [at])
  return (
    <>
      <a className="skip" href="#main">
        {t.skip}
      </a>
      <div className="app">
        <Side isOpen={isMenuOpen} />
        <div className="body" inert={isMenuOpen}>
          <Alarms />
          {connected === false && (
            <p role="status" className="notice">
              {t.disconnected}
            </p>
          )}
          <TopLine />
          <main id="main" ref={main} tabIndex={-1}>
            <Page key={visit} path={path} />
          </main>
        </div>
      </div>
      <TabBar isOpen={isMenuOpen} onToggle={() => setMenuOpen(!isMenuOpen)} />
      <KeyDialog />
    </>
  )
}

function Side({ isOpen }: { isOpen: boolean }) {
  const { t } = useText()
  const { info } = useNode()
  return (
    <header className={isOpen ? 'side open' : 'side'}>
      <Link to="/" className="brand" exact>
        <Bolt />
        <span>
          <strong>{strangersText(info.alias) || 'Zarnitsa'}</strong>
          <small>
            {info.network}, {info.role === 'hub' ? t.hub : t.user}
          </small>
        </span>
      </Link>
      <nav aria-label={t.mainNavigation} className="stack">
        {PLACES.map((group) => (
          <div key={group.places[0]!.path} className="nav">
            <h2>{group.name(t)}</h2>
            {group.places.map((place) => (
              <Item key={place.path} place={place} />
            ))}
          </div>
        ))}
      </nav>
      <p className="side-foot">Zarnitsa {info.version}</p>
    </header>
  )
}

function Item({ place }: { place: Place }) {
  const { t } = useText()
  return (
    <Link to={place.path}>
      <Icon name={place.icon} />
      {place.name(t)}
    </Link>
  )
}

/** How far ledger and chain have come, and whether the key is at hand. */
function TopLine() {
  const { t, language } = useText()
  const { info, signer, connected, distrust, alarm } = useNode()
  const policy = useProved('policy')
  const tone = distrust || alarm !== undefined ? 'bad' : connected ? 'good' : 'wait'
  const toggleKey = () => {
    if (signer.state === 'unlocked') signer.lock()
    else signer.ready().catch(() => undefined)
  }
  const key = { none: t.keyNone, locked: t.keyLocked, unlocked: t.keyUnlocked }[signer.state]
  return (
    <section className="top" aria-label={t.state}>
      <span>
        <span className={`dot ${tone}`} />
        {distrust ? t.notTrusted : alarm !== undefined ? t.oldLedger : connected ? t.live : connected === false ? t.noAnswer : t.connecting}
      </span>
      <ProofBadge proof={policy} />
      <span title={t.nodesWordMeaning}>
        <span className="long">{t.bitcoinBlock}</span>
        <span className="short" aria-hidden="true">
          ₿
        </span>{' '}
        {info.block_height.toLocaleString(language)}
        {!info.chain_available && <span className="pill bad">{t.chainAway}</span>}
      </span>
      <span className="grow" />
      <button type="button" className="icon" onClick={toggleKey}>
        <Icon name={signer.state === 'unlocked' ? 'unlock' : 'lock'} />
        {key}
      </button>
    </section>
  )
}

/** On a phone: the places that a thumb wants, and a way to all others. */
function TabBar({ isOpen, onToggle }: { isOpen: boolean; onToggle: () => void }) {
  const { t } = useText()
  const [money, network] = PLACES
  const [home, pay, receive] = money!.places
  const tabs = [home!, network!.places[0]!, pay!, receive!]
  return (
    <nav className="tabbar" aria-label={t.quickNavigation}>
      {tabs.map((place) => (
        <Item key={place.path} place={place} />
      ))}
      <button type="button" aria-expanded={isOpen} onClick={onToggle}>
        <Icon name={isOpen ? 'close' : 'more'} />
        {t.more}
      </button>
    </nav>
  )
}

function Bolt() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#1d2440" />
      <path d="M18 4 8 18h7l-1.5 10L24 13.5h-7.5z" fill="#ffc940" />
    </svg>
  )
}
