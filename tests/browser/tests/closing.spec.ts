/** A channel closed without the peer: how long until the coins are back, counted down in blocks. */

import { bringRightKey, button, proved, t } from '../src/pages.js'
import { picture } from '../src/pictures.js'
import { expect, test } from '../src/test.js'

test('force close counts the blocks down, and says when the coins are back', async ({ world, visit }) => {
  const { channel_id: id } = await world.channel(world.bob)
  const page = await visit(world.bob)
  await page.goto(`${world.bob.address.url}/channels/${id}`)
  await bringRightKey(page, world.bob)
  await button(page, t.closeChannel).click()
  const dialog = page.getByRole('dialog', { name: t.closeChannel })
  await dialog.getByText(t.forceClose, { exact: true }).click()
  await expect(dialog).toContainText(t.forceDelay)
  await expect(button(dialog, t.forceClose)).toBeDisabled()
  // A hub that hears of it closes too, and then either commitment may come first. It is bob's that is looked at here.
  await world.bob.post('peers/disconnect', { node_id: world.hub.nodeId })
  await dialog.getByLabel(t.forceSure).check()
  await button(dialog, t.forceClose).click()
  await expect(dialog).toBeHidden()

  const { closing_txid } = await world.bob.channel(id)
  await world.chain.sees(closing_txid ?? '')
  await world.chain.mine(1)
  const left = async () => {
    const text = await page.getByText(COUNTDOWN).first().textContent()
    return Number(COUNTDOWN.exec(text ?? '')?.[1])
  }
  await expect(page.getByText(COUNTDOWN).first()).toBeVisible()
  // By whom, and why.
  await expect(page.getByText(t.closeCauses.alone)).toBeVisible()
  await expect(page.getByText(t.closeReasons.ordered).first()).toBeVisible()
  await picture(page, 'closing')
  const first = await left()
  expect(first).toBeGreaterThan(1)
  await world.chain.mine(1)
  await expect.poll(left).toBe(first - 1)
  await world.chain.mine(first - 1)
  // The node spends the coins as soon as it may, to its own wallet.
  await expect.poll(async () => (await world.chain.call<string[]>('getrawmempool')).length).toBeGreaterThan(0)
  await world.chain.mine(6)
  await expect(page.getByText(t.backInWallet).first()).toBeVisible()
  await expect(proved(page.getByRole('main')).first()).toBeVisible()
})

/** The page's own words around a number of blocks. */
const COUNTDOWN = new RegExp(t.spendableIn(7, '').replace('7', '(\\d+)').replace(/,.*$/, ''))
