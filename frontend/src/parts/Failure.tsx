import { strangersText } from '../format'
import { useText } from '../text'
import { Callout } from './Empty'

/** Why a payment failed: in words where the reason is known, and always as the ledger has it. */
export function Failure({ reason }: { reason: string }) {
  const { t } = useText()
  const known: Record<string, string> = t.failures
  const words = known[codeOf(reason)]
  return (
    <Callout tone="bad" icon="warning">
      {words && <p>{words}</p>}
      {words ? <small>{strangersText(reason)}</small> : <p>{strangersText(reason) || t.noReason}</p>}
    </Callout>
  )
}

/** The node's own reasons begin with a code and a colon; BOLT 4's are its names with spaces. */
function codeOf(reason: string): string {
  const own = /^([a-z_]+): /.exec(reason)?.[1]
  return own ?? reason.trim().toLowerCase().replaceAll(' ', '_')
}
