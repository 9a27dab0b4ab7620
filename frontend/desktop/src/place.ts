/** Where the node's program and data are, by the same variables that the command line reads. */

import { join } from 'node:path'

import type { Place } from './localNode.js'

const NETWORKS = new Set(['regtest', 'signet', 'testnet4', 'bitcoin'])

export interface Surroundings {
  variables: Record<string, string | undefined>
  home: string
  /** Where the package keeps what was packed beside it; undefined in development. */
  resources: string | undefined
  isWindows: boolean
}

export function place({ variables, home, resources, isWindows }: Surroundings): Place {
  const network = variables.ZARNITSA_NETWORK ?? 'regtest'
  if (!NETWORKS.has(network)) throw new Error(`ZARNITSA_NETWORK: there is no network ${network}`)
  const name = isWindows ? 'zarnitsa.exe' : 'zarnitsa'
  return {
    program: variables.ZARNITSA_PROGRAM ?? (resources === undefined ? name : join(resources, name)),
    dataDir: variables.ZARNITSA_DATA_DIR ?? join(home, '.zarnitsa'),
    network,
  }
}
