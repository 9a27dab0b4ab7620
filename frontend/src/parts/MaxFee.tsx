import { useText } from '../text'
import { useUnit } from '../unit'
import { Field } from './Command'

/** What a payment's way may cost at most, for those who want to say so. */
export function MaxFee({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { t } = useText()
  const { unitName } = useUnit()
  return (
    <details>
      <summary>{t.moreChoices}</summary>
      <div style={{ marginTop: '0.8rem' }}>
        <Field label={`${t.maxFee}, ${unitName}`} hint={t.maxFeeHint} value={value} inputMode="decimal" onChange={onChange} />
      </div>
    </details>
  )
}
