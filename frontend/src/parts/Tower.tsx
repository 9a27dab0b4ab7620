import { NodeError } from '@zarnitsa/light-client/page'

import { shorten } from '../format'
import type { TowerChannel } from '../node/api'
import { useFetched, useNode } from '../node/context'
import { Link } from '../router'
import { useText } from '../text'
import { Callout } from './Empty'
import { NodesWord } from './ProofBadge'
import { NoAnswer } from './Trouble'

const EVERY = 30_000

/** What the watchtower has, channel by channel. */
export function Tower() {
  const { t } = useText()
  const { api } = useNode()
  const { answer, error } = useFetched(api.tower, EVERY)
  return (
    <section className="card stack">
      <div className="row">
        <h2>{t.tower}</h2>
        {answer && <NodesWord />}
      </div>
      <p className="soft">{t.towerText}</p>
      {isUnset(error) ? (
        <Unset />
      ) : error !== undefined ? (
        <Callout tone="bad" icon="warning">
          <p>{t.towerAway}</p>
          <NoAnswer error={error} />
        </Callout>
      ) : (
        answer === undefined && <p className="soft">{t.checking}…</p>
      )}
      {answer && !isUnset(error) && (
        <>
          <States channels={answer.filter(({ revoked_states, error }) => revoked_states > 0 || error)} />
          <p className="soft">{t.towerChange}</p>
        </>
      )}
    </section>
  )
}

/** The node says so by its code for what is not there. */
const isUnset = (error: unknown) => error instanceof NodeError && error.code === 'not_found'

function Unset() {
  const { t } = useText()
  return (
    <>
      <Callout tone="wait" icon="info">
        {t.towerNone}
      </Callout>
      <p className="soft">{t.towerSet}</p>
      <pre className="commands">
        <code>zarnitsa watch --listen HOST:9911</code>
        {'\n\n'}
        <code>[watchtower]</code>
        {'\n'}
        <code>url = "http://HOST:9911"</code>
        {'\n'}
        <code>token_file = "watch.token"</code>
      </pre>
    </>
  )
}

function States({ channels }: { channels: TowerChannel[] }) {
  const { t } = useText()
  if (channels.length === 0) return <p>{t.towerNothing}</p>
  const isComplete = channels.every(({ complete }) => complete)
  return (
    <>
      <Callout tone={isComplete ? 'good' : 'wait'} icon={isComplete ? 'check' : 'clock'}>
        {isComplete ? t.towerComplete : t.towerIncomplete}
      </Callout>
      <dl className="facts">
        {channels.map((channel) => (
          <div key={channel.channel_id} className="fact">
            <dt>
              <Link to={`/channels/${channel.channel_id}`}>{shorten(channel.channel_id)}</Link>
            </dt>
            <dd>
              <TowerWord channel={channel} />
            </dd>
          </div>
        ))}
      </dl>
    </>
  )
}

/** Of one channel, in a word. */
function TowerWord({ channel: { revoked_states, tower_states, complete, error } }: { channel: TowerChannel }) {
  const { t, language } = useText()
  const missing = revoked_states - tower_states
  if (error) return <FaultWord error={error} />
  if (complete) return <span className="pill good">{t.towerAll(revoked_states.toLocaleString(language))}</span>
  if (missing > 0) return <span className="pill wait">{t.towerBehind(missing.toLocaleString(language))}</span>
  return <span className="pill bad">{t.towerDiffers}</span>
}

/** What the tower answered of it cannot be, or it answered with an error: why, in the node's words. */
function FaultWord({ error }: { error: string }) {
  const { t } = useText()
  return (
    <>
      <span className="pill bad">{t.towerUnchecked}</span> <span className="soft">{error}</span>
    </>
  )
}

/** A row of a channel's facts; nothing where no tower is set. */
export function TowerFact({ channelId }: { channelId: string }) {
  const { t } = useText()
  const { api } = useNode()
  const { answer, error } = useFetched(api.tower, EVERY)
  const channel = answer?.find(({ channel_id }) => channel_id === channelId)
  if (!channel || (channel.revoked_states === 0 && !channel.error) || isUnset(error)) return null
  return (
    <>
      <dt>{t.tower}</dt>
      <dd>{error === undefined ? <TowerWord channel={channel} /> : t.towerAway}</dd>
    </>
  )
}
