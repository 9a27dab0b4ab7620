/** How much the node gives in one answer. */

/** Steps of a channel's history. */
export const MAX_HISTORY = 1000

/** Blocks with their signatures. */
export const MAX_BLOCKS = 100
