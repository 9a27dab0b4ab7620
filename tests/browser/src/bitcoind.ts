/** The world's Bitcoin Core, on regtest. Nothing is mined but by {@link Chain.mine}. */

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

import { Child } from './children.js'
import { until } from './until.js'

const WALLET = 'miner'
/** Blocks after which a coinbase may be spent, and one. */
const FIRST_BLOCKS = 101

/** Where bitcoind answers: enough to use it from another process. */
export interface ChainAddress {
  rpc: string
  zmq: string
  cookieFile: string
}

export class Chain {
  constructor(readonly address: ChainAddress) {}

  async call<T>(method: string, params: unknown[] = [], path = `/wallet/${WALLET}`): Promise<T> {
    const cookie = readFileSync(this.address.cookieFile).toString('base64')
    const response = await fetch(this.address.rpc + path, {
      method: 'POST',
      headers: { authorization: `Basic ${cookie}`, 'content-type': 'application/json' },
      body: JSON.stringify({ method, params }),
    })
    const { result, error } = (await response.json()) as { result: T; error: { message: string } | null }
    if (error) throw new Error(`bitcoind refuses ${method}: ${error.message}`)
    return result
  }

  height = () => this.call<number>('getblockcount')

  async mine(blocks: number): Promise<void> {
    await this.call('generatetoaddress', [blocks, await this.call('getnewaddress')])
  }

  /** Waits for a transaction in the mempool. */
  async sees(txid: string): Promise<void> {
    await until(`${txid} is in the mempool`, async () => (await this.call<string[]>('getrawmempool')).includes(txid))
  }

  send = (address: string, bitcoin: number) => this.call<string>('sendtoaddress', [address, bitcoin])
}

/** Starts one in `folder`, with a wallet and spendable coins. */
export async function startBitcoind(zarnitsa: string, folder: string, rpc: number, zmq: number) {
  mkdirSync(folder, { recursive: true })
  const address = {
    rpc: `http://127.0.0.1:${rpc}`,
    zmq: `tcp://127.0.0.1:${zmq}`,
    cookieFile: join(folder, 'regtest', '.cookie'),
  }
  const options = ['-regtest', '-server=1', '-listen=0', '-discover=0', '-dnsseed=0', '-fixedseeds=0', '-txindex=1']
  const limits = ['-printtoconsole=0', '-fallbackfee=0.00002', '-dbcache=16', '-par=1']
  const places = [`-datadir=${folder}`, `-rpcport=${rpc}`, `-zmqpubhashblock=${address.zmq}`]
  // bitcoind does not watch its standard input; the guard does it for it.
  const args = ['guard', '--', program(), ...options, ...limits, ...places]
  const child = new Child('bitcoind', zarnitsa, args, join(folder, 'stderr'))
  const chain = new Chain(address)
  await until('bitcoind answers', async () => {
    child.check()
    return (await chain.call<number>('getblockcount', [], '/')) >= 0
  })
  await chain.call('createwallet', [WALLET], '/')
  await chain.mine(FIRST_BLOCKS)
  return { child, chain }
}

/** bitcoind on PATH, or where the installation script puts it. */
function program(): string {
  const folders = (process.env.PATH ?? '').split(delimiter)
  folders.push(join(homedir(), '.cache/zarnitsa/bitcoind/bin'))
  const found = folders.map((folder) => join(folder, 'bitcoind')).find((path) => existsSync(path))
  if (!found) throw new Error('there is no bitcoind on PATH: run scripts/install-bitcoind')
  return found
}
