/** What each order says. Amounts are bigint; what is left out is the node's to choose. */

export interface OpenChannel {
  /** Node id. */
  peer: string
  /** `host:port`; not needed where the node is connected to the peer. */
  address?: string | undefined
  /** Undefined: all that the wallet holds. */
  amountSat: bigint | undefined
  /** The peer's from the start. */
  pushMsat?: bigint | undefined
  /** Of the opening transaction; undefined: the node estimates. */
  feeRateSatVb?: number | undefined
  announce?: boolean | undefined
}

/** Several channels by one opening transaction. */
export interface OpenBatch {
  /** Each with another peer. */
  channels: { peer: string; address?: string | undefined; amountSat: bigint; pushMsat?: bigint | undefined; announce?: boolean | undefined }[]
  feeRateSatVb?: number | undefined
}

export interface AskChannel {
  /** Node id of the hub. */
  hub: string
  /** `host:port`; not needed where the node is connected to the hub. */
  address?: string | undefined
  amountSat: bigint
}

export interface DecideAsk {
  /** What a peer asks for, by its name at this node. */
  askId: string
  approve: boolean
  /** Why it is refused. The peer hears it: 200 bytes at most. */
  reason?: string | undefined
}

export interface CloseChannel {
  channelId: string
  /** Without the peer. */
  force?: boolean | undefined
  feeRateSatVb?: number | undefined
}

export interface ChannelFees {
  channelId: string
  fees: { baseFeeMsat: bigint; feePpm: number; cltvDelta: number } | undefined
}

export interface Pay {
  /** BOLT 11. */
  invoice: string
  /** Where the invoice leaves it to the payer. */
  amountMsat?: bigint | undefined
  /** One percent and at least 5 sat unless it is given. */
  maxFeeMsat?: bigint | undefined
}

export interface PayOffer {
  /** BOLT 12. */
  offer: string
  /** Where the offer leaves it to the payer. */
  amountMsat?: bigint | undefined
  /** One percent and at least 5 sat unless it is given. */
  maxFeeMsat?: bigint | undefined
}

/** A payment that nobody asked for. */
export interface Keysend {
  /** Node id. */
  payee: string
  amountMsat: bigint
  maxFeeMsat?: bigint | undefined
}

export interface NewInvoice {
  /** Undefined: the payer chooses. */
  amountMsat: bigint | undefined
  description: string
  expirySeconds?: number | undefined
  /** What is paid is held until it is settled or cancelled. */
  hold?: boolean | undefined
  /** With `hold`: of a preimage that only the caller has. The node makes one where none is given. */
  paymentHash?: string | undefined
}

export interface SettleInvoice {
  paymentHash: string
  /** Where the node does not know it. */
  preimage?: string | undefined
}
