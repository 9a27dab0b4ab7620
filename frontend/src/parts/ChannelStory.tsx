import type { Channel, Described, HistoryEntry } from '@zarnitsa/light-client'
import { MAX_HISTORY } from '@zarnitsa/light-client/page'

import { useLookup, useProved } from '../node/context'
import { story, type Chapter } from '../story/channel'
import { closeReason } from '../story/reason'
import { useText, type Text } from '../text'
import { strangersText } from '../format'
import { Link } from '../router'
import { Amount } from './Amount'
import { CopyText } from './CopyText'
import { ProofBadge } from './ProofBadge'
import { When } from './When'

/** What became of a channel, from its opening to its end. */
export function ChannelStory({ channel }: { channel: Channel }) {
  const { t } = useText()
  const length = Number(channel.historyLength)
  const last = Math.max(0, length - MAX_HISTORY)
  const begin = useProved('history', channel.channelId, 0)
  const end = useProved('history', channel.channelId, last)
  const pieces = [begin, end].flatMap(({ answer }) => (answer ? [answer.value] : []))
  return (
    <section className="card">
      <header>
        <h2>{t.story}</h2>
        <span className="grow" />
        <ProofBadge proof={end} brief />
      </header>
      <ol className="timeline">
        {story(pieces).map((chapter) => (
          <Part key={keyOf(chapter)} chapter={chapter} />
        ))}
      </ol>
    </section>
  )
}

function keyOf(chapter: Chapter): string {
  return chapter.part === 'step' ? `s${chapter.step}` : chapter.part === 'payments' ? `p${chapter.from}` : 'gap'
}

function Part({ chapter }: { chapter: Chapter }) {
  const { t } = useText()
  if (chapter.part === 'gap') return <li className="soft">{t.stepsBetween(chapter.count)}</li>
  if (chapter.part === 'payments') {
    const { count, deltaMsat, height } = chapter
    return (
      <li className="many">
        <span>
          {count > 0 ? t.paymentsBetween(count) : t.exchange}
          {deltaMsat !== 0n && (
            <>
              , <Amount msat={deltaMsat} signed />
            </>
          )}
        </span>
        <small>
          <When height={height} />
        </small>
      </li>
    )
  }
  return <Milestone entry={chapter.entry} what={chapter.what} />
}

function Milestone({ entry, what }: { entry: HistoryEntry; what: string }) {
  const { t } = useText()
  const { answer } = useLookup('transaction', entry.txHash)
  const { text, reason, tone } = tell(t, entry, what, answer?.transaction.argument ?? [])
  // Of what the chain showed, the text itself tells.
  const why = reason ?? (what === 'chain' ? '' : entry.note)
  return (
    <li className={tone}>
      <span>{text}</span>
      {why && <span className="soft">{strangersText(closeReason(t, why))}</span>}
      {entry.txid && <CopyText text={entry.txid} />}
      <small>
        <When height={entry.height} />, <Link to={`/ledger/transactions/${entry.txHash}`}>{t.block.toLowerCase()} {entry.height.toString()}</Link>
      </small>
    </li>
  )
}

/** What a step says, for people: by its kind, and by what its own transaction tells. */
function tell(t: Text, entry: HistoryEntry, what: string, argument: Described[]) {
  const step = argument.find(({ value }) => Array.isArray(value) && value !== undefined)
  const name = step?.name ?? ''
  const field = (wanted: string) => {
    const found = Array.isArray(step?.value) ? step.value.find((each) => each.name === wanted)?.value : undefined
    return typeof found === 'string' ? found : undefined
  }
  const words: Record<string, string> = t.milestones
  const text = words[`${what}.${name}`] ?? words[what] ?? entry.kind
  const bad = name === 'force_close' || name === 'peer_error' || entry.state === 'failed'
  const tone = bad ? 'bad' : what === 'closing' || name === 'funding_spent' ? 'wait' : 'good'
  const height = field('block_height')
  const reason = field('text') ?? (height && height !== '0' ? `${t.bitcoinBlock} ${height}` : undefined)
  return { text, reason, tone }
}
