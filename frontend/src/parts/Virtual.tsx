import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from 'react'

/** Rows drawn beyond what is seen, so that a quick wheel shows no holes. */
const MARGIN = 8
const SEEN_AT_FIRST = 480

interface VirtualProps {
  count: number
  /** Height of each row in pixels. */
  row: number
  label: string
  className?: string
  /** Where it is scrolled to at first. */
  start?: 'begin' | 'end'
  /** Which rows are drawn: whoever reads pages reads those. */
  onRange?(from: number, to: number): void
  children(at: number): ReactNode
}

/** A list of any length of which only what is seen is drawn. */
export function Virtual({ count, row, label, className = '', start = 'begin', onRange, children }: VirtualProps) {
  const box = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  const [height, setHeight] = useState(SEEN_AT_FIRST)

  useLayoutEffect(() => {
    const seen = box.current
    if (!seen) return
    setHeight(seen.clientHeight || SEEN_AT_FIRST)
    if (start === 'end') seen.scrollTop = count * row
    // Only at first: later the reader scrolls.
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- growing must not move what is being read
  }, [])

  const from = Math.max(0, Math.floor(top / row) - MARGIN)
  const to = Math.min(count, Math.ceil((top + height) / row) + MARGIN)
  useEffect(() => onRange?.(from, to), [onRange, from, to])

  return (
    <div
      ref={box}
      className={`virtual ${className}`}
      role="list"
      aria-label={label}
      tabIndex={0}
      onScroll={({ currentTarget }) => {
        setTop(currentTarget.scrollTop)
        setHeight(currentTarget.clientHeight || SEEN_AT_FIRST)
      }}
    >
      <div style={{ height: count * row }} role="presentation">
        {Array.from({ length: Math.max(0, to - from) }, (_, offset) => {
          const at = from + offset
          return (
            <div
              key={at}
              className="line"
              role="listitem"
              aria-setsize={count}
              aria-posinset={at + 1}
              style={{ top: at * row, height: row }}
            >
              {children(at)}
            </div>
          )
        })}
      </div>
    </div>
  )
}
