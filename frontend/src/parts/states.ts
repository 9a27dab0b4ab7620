/** Groups of channel states. */

const OVER = new Set(['closed', 'failed'])
const PENDING = new Set(['opening', 'awaiting_confirmations', 'awaiting_peer_ready', 'shutting_down', 'closing'])
const CLOSABLE = new Set(['awaiting_confirmations', 'awaiting_peer_ready', 'normal', 'offline', 'shutting_down'])

/** Nothing of it is in the channel any more. */
export const isOver = (state: string) => OVER.has(state)

/** On its way in or out. */
export const isPending = (state: string) => PENDING.has(state)

/** It can be told to close. */
export const isClosable = (state: string) => CLOSABLE.has(state)

/** Its coins count as in channels. */
export const isLive = (state: string) => !isOver(state) && state !== 'closing'
