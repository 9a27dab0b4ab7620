import type { Text } from '../en'
import { asks } from './asks'
import { channels } from './channels'
import { frame } from './frame'
import { money } from './money'
import { node } from './node'
import { trouble } from './trouble'

/** По-русски. Ключи те же, что в английском: за этим следит компилятор. */
export const ru: Text = { ...frame, ...money, ...channels, ...node, ...asks, ...trouble }
