/** The watchtower, as the settings and a channel's page tell of it. */

import { writeFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'

import { Guest } from '../src/guest.js'
import { goTo, t } from '../src/pages.js'
import { picture } from '../src/pictures.js'
import { expect, test } from '../src/test.js'
import { until } from '../src/until.js'

const COINS = 1
const STATES = 2

interface TowerChannel {
  revoked_states: number
  tower_states: number
  complete: boolean
}

test('node without a watchtower says how to have one; one with a tower shows that it has every old state', async ({ world, visit }) => {
  const bare = await visit(world.alice)
  await goTo(bare, t.settings)
  await expect(bare.getByText(t.towerNone)).toBeVisible()

  await Guest.lend(world, 'dora', async (dora) => {
    const listen = `127.0.0.1:${dora.ports[2]}`
    const towerDir = join(dora.folder, 'tower')
    const chain = ['--bitcoind-rpc-url', world.chain.address.rpc, '--bitcoind-cookie-file', world.chain.address.cookieFile]
    await mkdir(towerDir)
    await writeFile(join(towerDir, 'zarnitsa.toml'), 'network = "regtest"\n')
    dora.run('tower', ['watch', '--stop-with-stdin', '--data-dir', towerDir, '--network', 'regtest', '--listen', listen, ...chain])
    await mkdir(dora.dataDir)
    const token = join(towerDir, 'regtest', 'watch', 'watch.token')
    await writeFile(join(dora.dataDir, 'zarnitsa.toml'), `[watchtower]\nurl = "http://${listen}"\ntoken_file = ${JSON.stringify(token)}\n`)
    const node = await dora.start()
    const { address } = await node.post<{ address: string }>('wallet/address')
    await world.chain.send(address, COINS)
    await world.chain.mine(6)
    await until('dora sees its coins', async () => (await node.get<{ onchain_sat: number }>('balance')).onchain_sat > 0)
    await node.post('peers/connect', { peer: world.hub.address.uri })
    const { channel_id } = await world.channel(node)
    const { invoice } = await world.hub.post<{ invoice: string }>('invoices', { amount: '777sat', description: 'states' })
    await node.post('payments', { invoice })
    const tower = () => node.get<TowerChannel[]>('watchtower')
    // A payment is two rounds of two commitments: the peer has revoked two old ones when it is over.
    await until('the tower has all', async () => {
      const [channel] = await tower()
      return channel?.complete && channel.revoked_states === STATES
    })

    const page = await visit(node)
    await goTo(page, t.settings)
    await expect(page.getByText(t.towerComplete)).toBeVisible()
    const word = page.getByText(t.towerAll(String(STATES)))
    await expect(word).toBeVisible()
    await picture(page, 'settings-tower-light')
    await page.goto(`${node.address.url}/channels/${channel_id}`)
    await expect(word).toBeVisible()
  })
})
