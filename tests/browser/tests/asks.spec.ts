/** A user who wants to be paid asks a hub for a channel, and the hub's operator decides. */

import { bringRightKey, button, createInvoice, goTo, paid, pay, place, proved, sat, t } from '../src/pages.js'
import { picture } from '../src/pictures.js'
import { Guest } from '../src/guest.js'
import { expect, test } from '../src/test.js'

test('user asks the hub for a channel, is refused, asks again, is approved, and is paid through it', async ({ world, visit }) => {
  await world.channel(world.alice)
  await world.hub.post('policy', { asks: { approve: true, wait_seconds: 0 } })
  await Guest.lend(world, 'erin', async (erin) => {
    const node = await erin.start()
    await node.post('peers/connect', { peer: world.hub.address.uri })
    const user = await visit(node)
    await bringRightKey(user, node)
    const hub = await visit(world.hub)
    await bringRightKey(hub, world.hub)

    // Home says what is missing, and so does the page where one wants to receive.
    await expect(user.getByRole('button', { name: t.askHub })).toBeVisible()
    await goTo(user, t.receive)
    const ask = async (amount: number) => {
      await button(user, t.askHub).click()
      const dialog = user.getByRole('dialog', { name: t.askHub })
      // The one hub that the user is connected to stands there already.
      await expect(dialog.getByLabel(t.askWhom)).toHaveValue(world.hub.nodeId)
      await dialog.getByLabel(`${t.askAmount}, sat`).fill(String(amount))
      await picture(user, 'dialog-ask-light')
      await button(dialog, t.askSend).click()
      await expect(dialog).toBeHidden()
    }
    const own = user.getByRole('region', { name: t.asksOwn })
    const ofPeers = hub.getByRole('region', { name: t.asksOfPeers })
    const row = (amount: number) => ofPeers.getByRole('listitem').filter({ hasText: sat(amount) })

    await ask(300_000)
    await expect(own.getByText(t.askStates.asked, { exact: true })).toBeVisible()
    await expect(hub.getByText(t.asksWaiting(1))).toBeVisible()
    await hub.getByText(t.asksWaiting(1)).getByRole('link').click()
    await expect(proved(ofPeers).first()).toBeVisible()
    await picture(hub, 'channels-asks-light')
    await button(row(300_000), t.refuse).click()
    const refusing = hub.getByRole('dialog', { name: t.refuseTitle })
    await refusing.getByLabel(t.refuseReason).fill('not so much')
    await button(refusing, t.refuse).click()
    await expect(row(300_000)).toContainText(t.askStates.refused)
    await expect(own.getByText(/not so much/)).toBeVisible()
    await expect(own.getByText(t.askStates.refused, { exact: true })).toBeVisible()

    await goTo(user, t.receive)
    await ask(250_000)
    await button(row(250_000), t.approve).click()
    await expect(own.getByText(t.askStates.opened, { exact: true })).toBeVisible()
    await expect(proved(own).first()).toBeVisible()
    await expect(row(250_000)).toContainText(t.askStates.opened)
    await picture(user, 'asks-own-light')
    await own.getByRole('link', { name: t.toChannel }).click()
    const id = user.url().slice(-64)
    await world.settle((await node.channel(id)).opening_txid)
    await world.usable(node, id)

    const alice = await visit(world.alice)
    await bringRightKey(alice, world.alice)
    const invoice = await createInvoice(user, 12_000, 'what the channel is for')
    await pay(alice, invoice, 12_000)
    await paid(alice)
    await expect(user.getByRole('heading', { name: t.received, exact: true })).toBeVisible()
    await place(user, t.home).click()
    await expect(user.getByRole('main')).toContainText(sat(12_000))
  })
})
