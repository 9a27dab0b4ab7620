import type { Text } from '../en'
import { channels } from './channels'
import { frame } from './frame'
import { money } from './money'
import { node } from './node'

/** По-русски. Ключи те же, что в английском: за этим следит компилятор. */
export const ru: Text = { ...frame, ...money, ...channels, ...node }
