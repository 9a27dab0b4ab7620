import { blocksAsTime, strangersText } from '../format'
import type { ChannelClosing, ClosingOutput } from '../node/api'
import { useNode } from '../node/context'
import { closeReason } from '../story/reason'
import { useText } from '../text'
import { Sat } from './Amount'
import { CopyText } from './CopyText'
import { Icon } from './Icon'
import { NodesWord } from './ProofBadge'

/** How a channel ends: by whom and why, what is ours of it, and how long until it can be spent. */
export function ClosingPanel({ closing }: { closing: ChannelClosing }) {
  const { t, language } = useText()
  const height = useNode().info.block_height
  const causes: Record<string, string> = t.closeCauses
  const spenders: Record<string, string> = t.closeSpenders
  return (
    <section className="card">
      <header>
        <h2>{t.closingTitle}</h2>
        <span className="grow" />
        <NodesWord />
      </header>
      <dl className="facts">
        <dt>{t.closedHow}</dt>
        <dd>{causes[closing.cause] ?? closing.cause}</dd>
        {closing.reason && (
          <>
            <dt>{t.reason}</dt>
            <dd>{strangersText(closeReason(t, closing.reason))}</dd>
          </>
        )}
        {closing.spent_by && (
          <>
            <dt>{t.onChain}</dt>
            <dd>
              {spenders[closing.spent_by] ?? closing.spent_by}
              {closing.block_height !== null && `, ${t.bitcoinBlock} ${closing.block_height.toLocaleString(language)}`}
            </dd>
          </>
        )}
      </dl>
      {closing.outputs.length > 0 && (
        <ul className="attention" style={{ marginTop: '0.6rem' }}>
          {closing.outputs.map((output) => (
            <Output key={output.output} output={output} height={height} />
          ))}
        </ul>
      )}
    </section>
  )
}

function Output({ output, height }: { output: ClosingOutput; height: number }) {
  const { t } = useText()
  const kinds: Record<string, string> = t.outputKinds
  const isOurs = output.taken_by === 'local'
  return (
    <li className={isOurs ? 'fine' : output.claim === null && output.taken_by === 'remote' ? '' : 'wait'}>
      <Icon name={isOurs ? 'check' : 'clock'} />
      <span className="stack tight">
        <span>
          <Sat sat={output.amount_sat} /> {kinds[output.kind] ?? output.kind}
        </span>
        <Countdown output={output} height={height} />
        {output.spent_txid && <CopyText text={output.spent_txid} />}
      </span>
    </li>
  )
}

/** Blocks and hours until it can be spent. */
function Countdown({ output, height }: { output: ClosingOutput; height: number }) {
  const { t, language } = useText()
  if (output.taken_by === 'local') return <small>{t.backInWallet}</small>
  if (output.taken_by === 'remote') return <small>{t.takenByPeer}</small>
  if (output.claim === null) return <small>{t.notOurs}</small>
  if (output.spendable_height === null) return <small>{t.waitsForChain}</small>
  const left = output.spendable_height - height - 1
  return <small>{left > 0 ? t.spendableIn(left, blocksAsTime(left, language)) : t.spendableNow}</small>
}
