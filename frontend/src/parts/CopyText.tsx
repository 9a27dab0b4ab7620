import { useState } from 'react'

import { shorten } from '../format'
import { useText } from '../text'

/** An id, shortened, with a button that copies all of it. */
export function CopyText({ text, whole = false }: { text: string; whole?: boolean }) {
  const { t } = useText()
  const [isCopied, setCopied] = useState(false)
  const copy = () => {
    void navigator.clipboard.writeText(text).then(() => setCopied(true))
  }
  return (
    <span className="copy">
      <code title={text}>{whole ? text : shorten(text)}</code>
      <button type="button" className="quiet" onClick={copy} aria-label={`${t.copy} ${shorten(text)}`}>
        {isCopied ? t.copied : t.copy}
      </button>
    </span>
  )
}
