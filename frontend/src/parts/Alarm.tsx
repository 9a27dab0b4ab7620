import { strangersText } from '../format'
import { useNode } from '../node/context'
import { Link } from '../router'
import { troubleOf } from '../story/trouble'
import { useText } from '../text'
import { Icon } from './Icon'

/** Above every page: why nothing can be spent, and what to do. */
export function Alarms() {
  const { distrust, alarm } = useNode()
  return (
    <>
      {distrust && <Distrust reason={distrust} />}
      {alarm !== undefined && <OldLedger words={alarm} />}
    </>
  )
}

/** An answer is not proved. */
function Distrust({ reason }: { reason: Error }) {
  const { t } = useText()
  const { words, detail } = troubleOf(t, reason)
  return (
    <div role="alert" className="alarm">
      <Icon name="warning" />
      <div>
        <p>
          <strong>{t.locked}</strong>
        </p>
        <p>{words}</p>
        {detail !== undefined && (
          <p lang="en">
            <small>{detail}</small>
          </p>
        )}
      </div>
    </div>
  )
}

/** The node runs on a copy of its ledger that is older than what it has signed. */
function OldLedger({ words }: { words: string }) {
  const { t } = useText()
  return (
    <div role="alert" className="alarm">
      <Icon name="warning" />
      <div>
        <p>
          <strong>{t.alarmTitle}</strong>
        </p>
        <p>{t.alarmText}</p>
        <ol>
          {t.alarmSteps.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ol>
        <p>
          <Link to="/settings">{t.alarmBackup}</Link>
        </p>
        <details>
          <summary>{t.inTheNodesWords}</summary>
          <p lang="en">{strangersText(words)}</p>
        </details>
      </div>
    </div>
  )
}
