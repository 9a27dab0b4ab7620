import { asks } from './asks'
import { channels } from './channels'
import { frame } from './frame'
import { money } from './money'
import { node } from './node'
import { trouble } from './trouble'

/** English. The other languages have the same keys: the compiler sees to it. */
export const en = { ...frame, ...money, ...channels, ...node, ...asks, ...trouble }

export type Text = typeof en
