import { channels } from './channels'
import { frame } from './frame'
import { money } from './money'
import { node } from './node'

/** English. The other languages have the same keys: the compiler sees to it. */
export const en = { ...frame, ...money, ...channels, ...node }

export type Text = typeof en
