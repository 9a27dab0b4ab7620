import { useId } from 'react'

/** One of a few, side by side. */
export function Choice<T extends string>(props: {
  label: string
  hideLabel?: boolean
  value: T
  options: readonly (readonly [value: NoInfer<T>, label: string])[]
  onChange: (value: NoInfer<T>) => void
}) {
  const name = useId()
  return (
    <fieldset className="stack tight">
      <legend className={props.hideLabel ? 'visually-hidden' : undefined}>{props.label}</legend>
      <div className="choice">
        {props.options.map(([value, label]) => (
          <label key={value}>
            <input type="radio" name={name} checked={value === props.value} onChange={() => props.onChange(value)} />
            <span>{label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}
