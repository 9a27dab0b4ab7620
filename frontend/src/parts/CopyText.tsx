import { useEffect, useState } from 'react'

import { shorten } from '../format'
import { useText } from '../text'
import { Icon } from './Icon'

/** An id, shortened, with a button that copies all of it; `bare` is the button alone. */
export function CopyText({ text, whole = false, bare = false }: { text: string; whole?: boolean; bare?: boolean }) {
  const { t } = useText()
  const [isCopied, setCopied] = useState(false)
  useEffect(() => {
    if (!isCopied) return
    const timer = setTimeout(() => setCopied(false), 2_000)
    return () => clearTimeout(timer)
  }, [isCopied])
  const copy = () => {
    void navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      () => undefined,
    )
  }
  return (
    <span className="copy">
      {!bare && <code title={text}>{whole ? text : shorten(text)}</code>}
      <button type="button" className="icon" onClick={copy} aria-label={`${t.copy} ${shorten(text)}`}>
        <Icon name={isCopied ? 'check' : 'copy'} />
      </button>
      <span role="status" className="visually-hidden">
        {isCopied && t.copied}
      </span>
    </span>
  )
}
