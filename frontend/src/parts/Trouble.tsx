import { troubleOf } from '../story/trouble'
import { useText } from '../text'

/** What went wrong: in words, and beneath them as the node says it. */
export function Trouble({ error }: { error: unknown }) {
  const { t } = useText()
  const { words, detail } = troubleOf(t, error)
  return (
    <div role="alert" className="trouble">
      <p>{words}</p>
      {detail !== undefined && (
        <p lang="en">
          <small>{detail}</small>
        </p>
      )}
    </div>
  )
}

/** In place of what a page would show: the node gave no answer. */
export function NoAnswer({ error }: { error: unknown }) {
  const { t } = useText()
  const { words, detail } = troubleOf(t, error)
  return (
    <div className="empty" role="status">
      <p>{words}</p>
      {detail !== undefined && <small lang="en">{detail}</small>}
    </div>
  )
}
