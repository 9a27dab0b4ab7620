import type { ReactNode } from 'react'

import { Icon, type IconName } from './Icon'

/** Where there is nothing to show: what will stand here, and how it comes about. */
export function Empty({ icon, text, children }: { icon: IconName; text: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <p>{text}</p>
      {children}
    </div>
  )
}

/** A remark that must not be overlooked. */
export function Callout({ tone = '', icon, children }: { tone?: 'good' | 'wait' | 'bad' | ''; icon: IconName; children: ReactNode }) {
  return (
    <div className={`callout ${tone}`}>
      <Icon name={icon} />
      <div className="stack tight">{children}</div>
    </div>
  )
}
