import { useId, useState, type ReactNode } from 'react'

import { useNode } from '../node/context'
import { CancelledError } from '../node/signer'
import { useText } from '../text'
import { Trouble } from './Trouble'

/** Why nothing may be ordered now, in words; undefined where it may. */
export function useLock(): string | undefined {
  const { t } = useText()
  const { distrust, alarm, connected } = useNode()
  if (distrust !== undefined) return t.locked
  if (alarm !== undefined) return t.alarmLock
  return connected === false ? t.lockedOffline : undefined
}

interface CommandProps {
  label: string
  busy?: string
  /** The order cannot be taken back. */
  danger?: boolean
  /** There is something nearer at hand to do. */
  plain?: boolean
  disabled?: boolean
  /** It neither spends nor changes anything: it is not locked. */
  harmless?: boolean
  act(): Promise<void>
  /** Beside the button. */
  beside?: ReactNode
  children?: ReactNode
}

/** A form that spends or changes something: locked while an answer of the node is not proved. */
export function Command(props: CommandProps) {
  const { label, busy, danger, plain, disabled = false, harmless = false, act, beside, children } = props
  const locked = useLock()
  const lock = harmless ? undefined : locked
  const reason = useId()
  const [isBusy, setBusy] = useState(false)
  const [trouble, setTrouble] = useState<unknown>()

  const submit = () => {
    setBusy(true)
    setTrouble(undefined)
    act()
      .catch((error: unknown) => {
        if (!(error instanceof CancelledError)) setTrouble(error)
      })
      .finally(() => setBusy(false))
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      {children}
      <div className="buttons">
        <button
          type="submit"
          className={danger ? 'danger' : plain ? 'plain' : undefined}
          disabled={isBusy || disabled || lock !== undefined}
          aria-describedby={lock && reason}
        >
          {isBusy ? (busy ?? label) : label}
        </button>
        {beside}
      </div>
      {lock && (
        <p id={reason} className="trouble">
          {lock}
        </p>
      )}
      {trouble !== undefined && <Trouble error={trouble} />}
    </form>
  )
}

interface FieldProps {
  label: string
  value: string
  hint?: string
  /** Below the box. */
  note?: ReactNode
  type?: 'text' | 'password'
  inputMode?: 'decimal' | 'numeric'
  autoComplete?: string
  lines?: number
  onChange(value: string): void
}

/** A labelled line of a form. */
export function Field(props: FieldProps) {
  const { label, value, hint = '', note, type = 'text', inputMode, autoComplete = 'off', lines, onChange } = props
  const described = useId()
  const shared = {
    value,
    placeholder: hint,
    autoComplete,
    spellCheck: false,
    'aria-describedby': note ? described : undefined,
  }
  return (
    <div className="stack tight">
      <label>
        <span>{label}</span>
        {lines === undefined ? (
          <input {...shared} type={type} inputMode={inputMode} onChange={({ target }) => onChange(target.value)} />
        ) : (
          <textarea {...shared} rows={lines} onChange={({ target }) => onChange(target.value)} />
        )}
      </label>
      {note && (
        <div id={described} className="hint">
          {note}
        </div>
      )}
    </div>
  )
}
