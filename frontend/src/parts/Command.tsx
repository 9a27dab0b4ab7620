import { useState, type ReactNode } from 'react'

import { useNode } from '../node/context'
import { useText } from '../text'

/** A form that spends or changes something: locked while an answer of the node is not proved. */
export function Command(props: { label: string; busy?: string; act(): Promise<void>; children?: ReactNode }) {
  const { t } = useText()
  const { distrust } = useNode()
  const [isBusy, setBusy] = useState(false)
  const [trouble, setTrouble] = useState<string>()

  const submit = () => {
    setBusy(true)
    setTrouble(undefined)
    props
      .act()
      .catch((error: unknown) => setTrouble(error instanceof Error ? error.message : String(error)))
      .finally(() => setBusy(false))
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      {props.children}
      <button type="submit" disabled={isBusy || distrust !== undefined} title={distrust && t.locked}>
        {isBusy ? (props.busy ?? props.label) : props.label}
      </button>
      {trouble && <p role="alert">{trouble}</p>}
    </form>
  )
}

/** A labelled line of a form. */
export function Field(props: { label: string; value: string; hint?: string; onChange(value: string): void }) {
  return (
    <label>
      <span>{props.label}</span>
      <input
        value={props.value}
        placeholder={props.hint ?? ''}
        autoComplete="off"
        spellCheck={false}
        onChange={({ target }) => props.onChange(target.value)}
      />
    </label>
  )
}
