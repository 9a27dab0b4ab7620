/** What a person does first: comes by the link, opens a channel, pays and is paid, closes. */

import { createInvoice, goTo, openChannel, pay, proved, sat, t } from '../src/pages.js'
import { expect, test } from '../src/test.js'

test('link with the token and the key lets in, and leaves neither in the address', async ({ world, visit }) => {
  const page = await visit(world.alice)
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(t.home)
  await expect(proved(page).first()).toBeVisible()
  expect(page.url()).not.toContain(world.alice.address.token)
})

test('visitor without the token is told where to find the link', async ({ world, visit }) => {
  const page = await visit(world.alice, { link: world.alice.address.url })
  await expect(page.getByText(/link/)).toBeVisible()
  await expect(page.getByRole('navigation')).toHaveCount(0)
})

test('channel is opened, paid through and closed from the pages', async ({ world, visit }) => {
  const page = await visit(world.alice)
  const id = await openChannel(page, world.hub.address.uri, 500_000)
  await world.settle((await world.alice.channel(id)).opening_txid)
  await expect(page.getByText('normal', { exact: true })).toBeVisible()
  await expect(proved(page).first()).toBeVisible()

  const hub = await visit(world.hub)
  const invoice = await createInvoice(hub, 1234, 'tea for the hub')
  await pay(page, invoice)
  await expect(page.getByRole('heading', { name: t.paid })).toBeVisible()
  await expect(hub.getByRole('heading', { name: t.received })).toBeVisible()
  await expect(hub.getByText(sat(1234))).toBeVisible()

  await page.goto(`${world.alice.address.url}/channels/${id}`)
  await page.getByRole('button', { name: t.closeChannel }).click()
  await page.getByRole('button', { name: t.confirm }).click()
  await expect(page.getByText('closing', { exact: true })).toBeVisible()
  const { closing_txid } = await world.alice.channel(id)
  await world.settle(closing_txid ?? '')
  await expect(page.getByText('closed', { exact: true })).toBeVisible()
  await goTo(page, t.home)
})
