/** The policy's fields, grouped as a person thinks of them. */

import type { Policy } from '@zarnitsa/light-client'

export type PolicyName = Exclude<
  { [K in keyof Policy]: Policy[K] extends bigint | number ? K : never }[keyof Policy],
  'acceptFrom' | undefined
>

export interface PolicyField {
  name: PolicyName
  unit: 'sat' | 'msat' | 'perKw' | 'ppm' | 'blocks' | 'count' | 'percent'
  /** A u64: bigint all the way. */
  big: boolean
}

const field = (name: PolicyName, unit: PolicyField['unit']): PolicyField => ({ name, unit, big: unit === 'sat' || unit === 'msat' })

export const POLICY_FIELDS = [
  {
    group: 'forwarding',
    fields: [field('baseFeeMsat', 'msat'), field('feePpm', 'ppm'), field('cltvDelta', 'count')],
  },
  {
    group: 'accept',
    fields: [
      field('minChannelSat', 'sat'),
      field('maxChannelSat', 'sat'),
      field('maxChannels', 'count'),
      field('maxChannelsPerPeer', 'count'),
      field('minimumDepth', 'count'),
    ],
  },
  {
    group: 'demand',
    fields: [
      field('toSelfDelay', 'blocks'),
      field('htlcMinimumMsat', 'msat'),
      field('maxAcceptedHtlcs', 'count'),
      field('maxInFlightPercent', 'percent'),
    ],
  },
  {
    group: 'suffer',
    fields: [
      field('maxToSelfDelay', 'blocks'),
      field('maxDustLimitSat', 'sat'),
      field('maxReservePercent', 'percent'),
      field('minInFlightMsat', 'msat'),
      field('maxHtlcMinimumMsat', 'msat'),
      field('minAcceptedHtlcs', 'count'),
      field('maxMinimumDepth', 'count'),
      field('maxDustExposureMsat', 'msat'),
    ],
  },
  {
    group: 'fees',
    fields: [field('minFeeratePerKw', 'perKw'), field('maxFeeratePerKw', 'perKw'), field('minClosingFeeratePerKw', 'perKw')],
  },
] as const satisfies readonly { group: string; fields: readonly PolicyField[] }[]
