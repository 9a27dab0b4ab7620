/** The unit that amounts are shown and typed in. */

import { useSettings, type Unit } from './settings'
import { useText } from './text'

/** The person's unit, and its name in the person's language. */
export function useUnit(): { unit: Unit; unitName: string } {
  const { t } = useText()
  const { unit } = useSettings()
  return { unit, unitName: unit === 'sat' ? t.sat : t.btc }
}
