/** Finds the node that runs on a data folder, or starts one, and gives the link that opens its UI. */

import { join } from 'node:path'

/** What is outside of this process. */
export interface Host {
  /** The text of a file; undefined where there is none. */
  read(path: string): Promise<string | undefined>
  get(url: string, token: string): Promise<unknown>
  start(program: string, args: string[]): NodeProcess
  pause(milliseconds: number): Promise<void>
}

/** A node that the shell started. */
export interface NodeProcess {
  /** How it ended, once it did. */
  readonly ended: string | undefined
  /** Asks it to end, and waits until it did. */
  stop(): Promise<void>
}

export interface Place {
  program: string
  dataDir: string
  network: string
}

export interface RunningNode {
  /** With the full token, for the first page only. */
  link: string
  origin: string
  /** Undefined where it ran before the shell, which then leaves it running. */
  process: NodeProcess | undefined
}

const LOOK_EVERY = 200
/** A node opens its ledger and asks bitcoind before it answers. */
const PATIENCE = 120_000
const LOOPBACK = /^(127\.0\.0\.1|\[::1\]):(\d{1,5})$/
const HEX_32 = /^[0-9a-f]{64}$/

export async function findOrStart(place: Place, host: Host): Promise<RunningNode> {
  const found = await find(place, host)
  if (found) return { ...found, process: undefined }
  const args = ['node', '--stop-with-stdin', '--data-dir', place.dataDir, '--network', place.network]
  const process = host.start(place.program, args)
  for (let waited = 0; waited < PATIENCE; waited += LOOK_EVERY) {
    if (process.ended !== undefined) throw new Error(`the node ended: ${process.ended}`)
    const started = await find(place, host)
    if (started) return { ...started, process }
    await host.pause(LOOK_EVERY)
  }
  await process.stop()
  throw new Error(`the node did not answer within ${PATIENCE / 1000} s`)
}

/** The node that runs on the folder, if one answers there. */
async function find({ dataDir, network }: Place, host: Host): Promise<Omit<RunningNode, 'process'> | undefined> {
  const folder = join(dataDir, network)
  const address = (await host.read(join(folder, 'http.address')))?.trim()
  const token = (await host.read(join(folder, 'full.token')))?.trim()
  if (!address || !token) return undefined
  // The token goes to this machine or nowhere.
  if (!LOOPBACK.test(address)) throw new Error(`the node listens on ${address}, which is not this machine alone`)
  const origin = `http://${address}`
  const info = await host.get(`${origin}/api/services/lightning/v1/info`, token).catch(() => undefined)
  const key = validatorKey(info)
  // An address that a node left behind when it was killed.
  if (key === undefined) return undefined
  return { origin, link: `${origin}/?token=${encodeURIComponent(token)}#key=${key}` }
}

function validatorKey(info: unknown): string | undefined {
  if (typeof info !== 'object' || info === null || !('validator_key' in info)) return undefined
  const key = info.validator_key
  return typeof key === 'string' && HEX_32.test(key) ? key : undefined
}
