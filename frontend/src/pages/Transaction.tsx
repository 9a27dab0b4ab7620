import type { Described } from '@zarnitsa/light-client'

import { CopyText } from '../parts/CopyText'
import { Callout } from '../parts/Empty'
import { Icon } from '../parts/Icon'
import { Trouble } from '../parts/Trouble'
import { formatMoment, strangersText } from '../format'
import { useLookup, useProved } from '../node/context'
import { Link } from '../router'
import { useText } from '../text'

/** More of a text is only in the way: an onion has 2,732 hex digits. */
const LONG = 160

/** One transaction of the ledger: who signed it, what it says, how it ended. */
export function Transaction({ hash }: { hash: string }) {
  const { t, language } = useText()
  const found = useLookup('transaction', hash)
  const { answer } = found
  const methods: Record<string, string> = t.methods
  return (
    <>
      <Link to="/ledger" className="back" exact>
        <Icon name="back" /> {t.ledger}
      </Link>
      <div className="title">
        <h1 tabIndex={-1}>{answer ? (methods[answer.transaction.method] ?? answer.transaction.method) : t.transaction}</h1>
        {answer && <span className={`pill ${answer.succeeded ? 'good' : 'bad'}`}>{answer.succeeded ? t.carriedOut : t.refusedWord}</span>}
        {found.state === 'proved' && (
          <span className="badge proved">
            <Icon name="shield" /> {t.provedAt} {found.answer.block.height}
          </span>
        )}
        {found.state === 'checking' && <span className="badge checking">{t.checking}</span>}
      </div>
      {found.state !== 'proved' && found.state !== 'checking' && (
        <Callout tone="bad" icon="warning">
          <Trouble error={found.error} />
        </Callout>
      )}
      {answer && (
        <>
          <section className="card">
            <dl className="facts">
              <dt>{t.block}</dt>
              <dd>
                <Link to={`/ledger/blocks/${answer.block.height}`}>{answer.block.height.toLocaleString(language)}</Link>,{' '}
                {formatMoment(answer.block.time, language)}
              </dd>
              <dt>{t.signedBy}</dt>
              <dd>
                <Author author={answer.transaction.author} />
              </dd>
              <dt>{t.hash}</dt>
              <dd>
                <CopyText text={hash} whole />
              </dd>
              {answer.refusal && (
                <>
                  <dt>{t.reason}</dt>
                  <dd>{strangersText(answer.refusal)}</dd>
                </>
              )}
            </dl>
          </section>
          <section className="card">
            <header>
              <h2>{t.content}</h2>
            </header>
            <Tree fields={answer.transaction.argument} />
          </section>
        </>
      )}
    </>
  )
}

function Author({ author }: { author: string }) {
  const { t } = useText()
  const config = useProved('config').answer?.value
  const who = author === config?.operatorKey ? t.operator : author === config?.nodeKey ? t.nodeItself : ''
  return (
    <>
      {who} <CopyText text={author} />
    </>
  )
}

function Tree({ fields }: { fields: Described[] }) {
  return (
    <dl className="tree">
      {fields.map(({ name, value }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{typeof value === 'string' ? <Value text={value} /> : value.length > 0 && <Tree fields={value} />}</dd>
        </div>
      ))}
    </dl>
  )
}

function Value({ text }: { text: string }) {
  const shown = strangersText(text)
  if (shown.length <= LONG) return <code>{shown}</code>
  return (
    <details>
      <summary>
        <code>{shown.slice(0, 40)}…</code>
      </summary>
      <code>{text}</code>
    </details>
  )
}
