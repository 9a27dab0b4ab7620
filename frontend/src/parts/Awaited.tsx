import type { State } from '../node/answers'
import { useText } from '../text'
import { Callout } from './Empty'
import { NoAnswer } from './Trouble'

/** In place of what is not there yet, cannot be had, or must not be shown. Nothing where the answer is there. */
export function Awaited({ proof }: { proof: State<unknown> }) {
  const { t } = useText()
  if (proof.answer !== undefined) return null
  switch (proof.state) {
    case 'refuted':
      return (
        <Callout tone="bad" icon="warning">
          {t.notShown}
        </Callout>
      )
    case 'unavailable':
      return <NoAnswer error={proof.error} />
    default:
      return (
        <p className="empty" aria-busy="true">
          {t.checking}…
        </p>
      )
  }
}
