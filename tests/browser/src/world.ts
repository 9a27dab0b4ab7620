/** bitcoind, one hub and two users: the processes of `make run`, on ports of their own, with nothing mined unasked. */

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { startBitcoind, Chain, type ChainAddress } from './bitcoind.js'
import { Child, freePorts } from './children.js'
import { Node, type Channel, type NodeAddress } from './node.js'
import { until } from './until.js'

const ENDOWMENT = 1
const SETTLED = 6
const NAMES = ['hub', 'alice', 'bob'] as const
const CAPACITY = 1_000_000
const PUSHED_MSAT = '400000000'

/** What the tests' own processes need to find the world. */
export interface WorldAddress {
  chain: ChainAddress
  nodes: Record<(typeof NAMES)[number], NodeAddress>
}

export class World {
  readonly chain: Chain
  readonly hub: Node
  readonly alice: Node
  readonly bob: Node

  constructor({ chain, nodes }: WorldAddress) {
    this.chain = new Chain(chain)
    this.hub = new Node(nodes.hub)
    this.alice = new Node(nodes.alice)
    this.bob = new Node(nodes.bob)
  }

  /** A usable channel of `user` with the hub, with money on both sides: the one that is there, or a new one. */
  async channel(user: Node): Promise<Channel> {
    const usable = (channel: Channel) => channel.state === 'normal'
    const found = (await user.channels()).find(usable)
    if (found) return found
    const opened = await user.post<Channel>('channels', {
      peer: this.hub.address.uri,
      amount: `${CAPACITY}sat`,
      push_msat: PUSHED_MSAT,
      announce: true,
    })
    await this.settle(opened.opening_txid)
    return this.usable(user, opened.channel_id)
  }

  /** Mines a transaction deep enough for everybody. */
  async settle(txid: string): Promise<void> {
    await this.chain.sees(txid)
    await this.chain.mine(SETTLED)
  }

  /** Waits until both sides call the channel usable. */
  async usable(user: Node, id: string): Promise<Channel> {
    return until(`${user.address.name} and the hub can use ${id}`, async () => {
      const [ours, theirs] = await Promise.all([user.channel(id), this.hub.channel(id)])
      return ours.state === 'normal' && theirs.state === 'normal' && ours
    })
  }
}

/** Starts it. The folder goes when it ends. */
export async function startWorld(): Promise<{ address: WorldAddress; stop: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'zarnitsa-browser-'))
  const children: Child[] = []
  const stop = async () => {
    const [bitcoind, ...nodes] = children
    await Promise.all(nodes.map((node) => node.end()))
    await bitcoind?.end()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    return { address: await start(folder, children), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(folder: string, children: Child[]): Promise<WorldAddress> {
  const zarnitsa = program()
  const [rpc = 0, zmq = 0, ...ports] = await freePorts(2 + 2 * NAMES.length)
  const { child, chain } = await startBitcoind(zarnitsa, join(folder, 'bitcoind'), rpc, zmq)
  children.push(child)
  const started = NAMES.map((name, n) => {
    const [http = 0, lightning = 0] = ports.slice(2 * n, 2 * n + 2)
    return startNode({ zarnitsa, name, dataDir: join(folder, name), http, lightning, chain: chain.address })
  })
  children.push(...started.map((node) => node.child))
  const [hub, alice, bob] = await Promise.all(started.map((node) => node.ready()))
  if (!hub || !alice || !bob) throw new Error('a node is missing')
  const address = { chain: chain.address, nodes: { hub, alice, bob } }
  await endow(new World(address))
  return address
}

interface Start {
  zarnitsa: string
  name: string
  dataDir: string
  http: number
  lightning: number
  chain: ChainAddress
}

/** Starts one, in a folder that is new or has a node of before. */
export function startNode({ zarnitsa, name, dataDir, http, lightning, chain }: Start) {
  mkdirSync(dataDir, { recursive: true })
  const role = name === 'hub' ? 'hub' : 'user'
  const who = ['--role', role, '--alias', name, '--network', 'regtest', '--data-dir', dataDir]
  const where = ['--http', `127.0.0.1:${http}`, '--listen', `127.0.0.1:${lightning}`]
  const bitcoind = ['--bitcoind-rpc-url', chain.rpc, '--bitcoind-zmq', chain.zmq]
  const cookie = ['--bitcoind-cookie-file', chain.cookieFile]
  const args = ['node', '--stop-with-stdin', ...who, ...where, ...bitcoind, ...cookie]
  const child = new Child(name, zarnitsa, args, join(dataDir, 'stderr'))
  const ready = () =>
    until(`${name} answers`, async () => {
      child.check()
      const secret = (file: string) => readFileSync(join(dataDir, 'regtest', file), 'utf8').trim()
      const address = { name, url: `http://127.0.0.1:${http}`, dataDir, uri: '', validatorKey: '' }
      const node = new Node({ ...address, token: secret('full.token'), readToken: secret('read.token') })
      const info = await node.get<{ uri: string; validator_key: string }>('info')
      return { ...node.address, uri: info.uri, validatorKey: info.validator_key }
    })
  return { child, ready }
}

/** Coins for everybody, and the users connected to the hub. */
async function endow({ chain, hub, alice, bob }: World): Promise<void> {
  for (const node of [hub, alice, bob]) {
    const { address } = await node.post<{ address: string }>('wallet/address')
    await chain.send(address, ENDOWMENT)
  }
  await chain.mine(SETTLED)
  for (const node of [hub, alice, bob]) {
    await until(`${node.address.name} sees its coins`, async () => {
      return (await node.get<{ onchain_sat: number }>('balance')).onchain_sat > 0
    })
  }
  for (const user of [alice, bob]) await user.post('peers/connect', { peer: hub.address.uri })
}

/** What cargo built, with the UI in it. */
export function program(): string {
  const root = join(dirname(fileURLToPath(import.meta.url)), '../../..')
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target')
  const path = process.env.ZARNITSA_TEST_PROGRAM ?? join(target, 'debug', 'zarnitsa')
  if (!existsSync(path)) throw new Error(`there is no ${path}: run cargo build --package zarnitsa-node`)
  return path
}
