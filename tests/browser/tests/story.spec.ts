/** What a person does first: comes by the link, brings the key, opens a channel, pays and is paid, closes. */

import { bringKey, bringRightKey, button, createInvoice, goTo, openChannel, paid, pay, proved, sat, state, t, unlock } from '../src/pages.js'
import { expect, test } from '../src/test.js'

test('link with the token and the key lets in, and leaves the token nowhere', async ({ world, visit }) => {
  const page = await visit(world.alice)
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(t.home)
  await expect(proved(page).first()).toBeVisible()
  expect(page.url()).not.toContain(world.alice.address.token)
  expect(await page.evaluate(() => document.cookie)).toBe('')
})

test('visitor without the token is told where to find the link', async ({ world, visit }) => {
  const page = await visit(world.alice, { link: world.alice.address.url })
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Open the node\'s link')
  await expect(page.getByRole('heading', { name: 'Откройте ссылку узла' })).toBeVisible()
  // Its own style is all that its policy allows.
  expect(await page.getByRole('main').evaluate((main) => getComputedStyle(main).maxWidth)).toBe('576px')
  await expect(page.getByRole('navigation')).toHaveCount(0)
})

test('reader sees everything proved, and nobody commands with another node’s key', async ({ world, visit }) => {
  const { address } = world.alice
  const link = `${address.url}/?token=${address.readToken}#key=${address.validatorKey}`
  const page = await visit(world.alice, { link })
  await expect(proved(page).first()).toBeVisible()
  await goTo(page, t.receive)
  await button(page, t.create).click()
  const dialog = page.getByRole('dialog', { name: t.bringKey })
  await button(dialog, t.close).click()
  await expect(dialog).toBeHidden()
  await bringKey(page, world.hub)
  await expect(dialog.getByRole('alert')).toHaveText(t.wrongKey)
  await button(dialog, t.close).click()
  await expect(button(page, t.keyNone)).toBeVisible()
  expect(await page.evaluate(() => Object.keys(localStorage))).not.toContain('zarnitsa.operator-key')
})

test('channel is opened, paid through both ways and closed from the pages', async ({ world, visit }) => {
  const page = await visit(world.alice)
  await bringRightKey(page, world.alice)
  const id = await openChannel(page, world.hub.address.uri, 500_000)
  await world.settle((await world.alice.channel(id)).opening_txid)
  await expect(state(page, t.states.normal)).toBeVisible()
  await expect(proved(page.getByRole('main')).first()).toBeVisible()

  const hub = await visit(world.hub)
  await bringRightKey(hub, world.hub)
  const invoice = await createInvoice(hub, 2345, 'tea for the hub')
  await pay(page, invoice, 2345)
  await paid(page)
  await expect(hub.getByRole('heading', { name: t.received, exact: true })).toBeVisible()
  await expect(hub.getByRole('main')).toContainText(sat(2345))

  const back = await createInvoice(page, 345, 'change')
  await pay(hub, back, 345)
  await paid(hub)
  await expect(page.getByRole('heading', { name: t.received, exact: true })).toBeVisible()

  await page.goto(`${world.alice.address.url}/channels/${id}`)
  // Alice may have paid by another channel of hers: what this one holds is the node's to say.
  const { local_msat } = await world.alice.channel(id)
  await expect(page.getByRole('main')).toContainText(sat(BigInt(local_msat) / 1000n))
  await button(page, t.closeChannel).click()
  const dialog = page.getByRole('dialog', { name: t.closeChannel })
  await button(dialog, t.closeChannel).click()
  // The page was loaded anew, and knows the key only as it is kept.
  await unlock(page)
  await expect(state(page, t.states.closing)).toBeVisible()
  await world.settle((await world.alice.channel(id)).closing_txid ?? '')
  await expect(state(page, t.states.closed)).toBeVisible()
})
