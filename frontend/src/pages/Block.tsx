import { CopyText } from '../parts/CopyText'
import { Callout } from '../parts/Empty'
import { Icon } from '../parts/Icon'
import { Trouble } from '../parts/Trouble'
import { formatMoment } from '../format'
import { useLookup } from '../node/context'
import { Link } from '../router'
import { useText } from '../text'

/** One block of the ledger with all its transactions. */
export function Block({ height }: { height: number }) {
  const { t, language } = useText()
  const found = useLookup('block', height)
  const { answer } = found
  return (
    <>
      <Link to="/ledger" className="back" exact>
        <Icon name="back" /> {t.ledger}
      </Link>
      <div className="title">
        <h1 tabIndex={-1}>
          {t.block} {height.toLocaleString(language)}
        </h1>
        {found.state === 'proved' && (
          <span className="badge proved">
            <Icon name="shield" /> {t.blockProved}
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
              <dt>{t.signedAt}</dt>
              <dd>{formatMoment(answer.block.time, language)}</dd>
              <dt>{t.blockHash}</dt>
              <dd>
                <CopyText text={answer.block.hash} whole />
              </dd>
              <dt>{t.previous}</dt>
              <dd>
                {height > 1 ? <Link to={`/ledger/blocks/${height - 1}`}>{(height - 1).toLocaleString(language)}</Link> : t.genesis}{' '}
                <code>{answer.block.prevHash}</code>
              </dd>
              <dt>{t.stateHash}</dt>
              <dd>
                <CopyText text={answer.block.stateHash} whole />
              </dd>
            </dl>
          </section>
          <section className="card flush">
            <header>
              <h2>{t.transactions}</h2>
              <span className="count">{answer.transactions.length}</span>
            </header>
            <ol className="list">
              {answer.transactions.map((hash) => (
                <li key={hash}>
                  <Row hash={hash} />
                </li>
              ))}
            </ol>
          </section>
        </>
      )}
    </>
  )
}

function Row({ hash }: { hash: string }) {
  const { t } = useText()
  const { answer } = useLookup('transaction', hash)
  const methods: Record<string, string> = t.methods
  const method = answer?.transaction.method
  return (
    <Link to={`/ledger/transactions/${hash}`}>
      <span className="what">
        <span>{method === undefined ? '…' : (methods[method] ?? method)}</span>
        <code>{hash}</code>
      </span>
      {answer && (
        <span className={`pill ${answer.succeeded ? 'good' : 'bad'}`}>{answer.succeeded ? t.carriedOut : t.refusedWord}</span>
      )}
    </Link>
  )
}
