/** The public network: the world's own, of three nodes whose channels are announced. */

import type { Node } from '../src/node.js'
import { goTo, t } from '../src/pages.js'
import { picture } from '../src/pictures.js'
import { expect, test } from '../src/test.js'
import { until } from '../src/until.js'

interface Graph {
  nodes: { alias: string }[]
  channels: unknown[]
}

async function meetAgain(user: Node, hub: Node): Promise<void> {
  await user.post('peers/disconnect', { node_id: hub.nodeId })
  await user.post('peers/connect', { peer: hub.address.uri })
}

async function knowsAll(node: Node): Promise<void> {
  await until(`${node.address.name} has heard of all three`, async () => {
    const { nodes, channels } = await node.get<Graph>('network?limit=100')
    return channels.length >= 2 && nodes.filter(({ alias }) => alias !== '').length === 3
  })
}

test('announced channels are drawn, and their nodes bear the names that they give themselves', async ({ world, visit }) => {
  await world.channel(world.alice)
  await world.channel(world.bob)
  // What a node says of itself is dropped by whoever does not know its channel yet: a new connection brings it again.
  for (const user of [world.bob, world.alice]) await meetAgain(user, world.hub)
  await knowsAll(world.hub)
  await meetAgain(world.alice, world.hub)
  await knowsAll(world.alice)
  const page = await visit(world.alice)
  await goTo(page, t.network)
  const drawn = page.getByRole('img', { name: new RegExp(`^${t.network}`) })
  for (const name of ['alice', 'hub', 'bob']) {
    await expect(drawn.getByText(name, { exact: true })).toBeVisible()
    await expect(page.getByRole('row').filter({ hasText: name })).toBeVisible()
  }
  await expect(drawn.locator('line')).not.toHaveCount(0)
  await picture(page, 'network-announced')

  // The same names stand wherever a peer does.
  for (const place of [t.channels, t.peers]) {
    await goTo(page, place)
    await expect(page.getByRole('main').getByText('hub').first()).toBeVisible()
  }
})
