/** Every place that the navigation leads to. */

import type { IconName } from './parts/Icon'
import type { Text } from './text'

export interface Place {
  path: string
  icon: IconName
  name: (t: Text) => string
}

export const PLACES: readonly { name: (t: Text) => string; places: readonly Place[] }[] = [
  {
    name: (t) => t.groupMoney,
    places: [
      { path: '/', icon: 'home', name: (t) => t.home },
      { path: '/pay', icon: 'pay', name: (t) => t.pay },
      { path: '/receive', icon: 'receive', name: (t) => t.receive },
      { path: '/payments', icon: 'list', name: (t) => t.payments },
      { path: '/wallet', icon: 'wallet', name: (t) => t.wallet },
    ],
  },
  {
    name: (t) => t.groupNetwork,
    places: [
      { path: '/channels', icon: 'channels', name: (t) => t.channels },
      { path: '/forwards', icon: 'forwards', name: (t) => t.forwards },
      { path: '/peers', icon: 'peers', name: (t) => t.peers },
      { path: '/network', icon: 'network', name: (t) => t.network },
    ],
  },
  {
    name: (t) => t.groupNode,
    places: [
      { path: '/ledger', icon: 'ledger', name: (t) => t.ledger },
      { path: '/policy', icon: 'policy', name: (t) => t.policy },
      { path: '/logs', icon: 'logs', name: (t) => t.logs },
      { path: '/settings', icon: 'settings', name: (t) => t.settings },
    ],
  },
]
