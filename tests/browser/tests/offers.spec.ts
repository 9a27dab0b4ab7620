/** Offers (BOLT 12): made once, and paid again and again. */

import { violations } from '../src/accessibility.js'
import { AMOUNT, bringRightKey, button, goTo, paid, sat, t } from '../src/pages.js'
import { picture } from '../src/pictures.js'
import { expect, test, type Page } from '../src/test.js'

const PHONE = { width: 390, height: 844 }

/** On a wide screen and on a phone: nothing that axe finds, nothing wider than the window. */
async function isWhole(page: Page, name: string): Promise<void> {
  const wide = page.viewportSize()
  for (const size of [PHONE, wide]) {
    if (!size) continue
    await page.setViewportSize(size)
    await picture(page, `${name}-${size.width}`)
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(size.width)
    expect(await violations(page)).toEqual([])
  }
}

/** Makes an offer that leaves the amount to the payer, and gives its text. */
async function makeOffer(page: Page, description: string): Promise<string> {
  await goTo(page, t.receive)
  await page.getByText(t.payableAgain, { exact: true }).click()
  await page.getByLabel(t.description, { exact: true }).fill(description)
  await isWhole(page, 'offer-making')
  await button(page, t.createOffer).click()
  await expect(page.getByRole('status').filter({ hasText: t.offerMade })).toBeVisible()
  await isWhole(page, 'offer-made')
  return (await page.getByTitle(/^lno1/).getAttribute('title')) ?? ''
}

test('offer that is made on one page is paid from another again and again', async ({ world, visit }) => {
  await world.channel(world.alice)
  const hub = await visit(world.hub)
  await bringRightKey(hub, world.hub)
  const offer = await makeOffer(hub, 'coffee, whenever you like')

  const alice = await visit(world.alice)
  await bringRightKey(alice, world.alice)
  for (const amount of [1_111, 2_222]) {
    await goTo(alice, t.pay)
    await alice.getByLabel(t.payBox).fill(offer)
    const main = alice.getByRole('main')
    await expect(main).toContainText('coffee, whenever you like')
    await alice.getByLabel(AMOUNT).fill(String(amount))
    if (amount === 1_111) await isWhole(alice, 'offer-paying')
    await button(main, t.payNow).click()
    await paid(alice)
    await expect(main).toContainText(sat(amount))
  }

  // Each payment is an invoice of its own.
  await goTo(hub, t.payments)
  for (const amount of ['+1,111', '+2,222']) {
    await expect(hub.getByRole('listitem').filter({ hasText: amount }).first()).toBeVisible()
  }
})

test('offer of another network or without an amount cannot be paid, and the page says why', async ({ world, visit }) => {
  await world.channel(world.alice)
  const alice = await visit(world.alice)
  await bringRightKey(alice, world.alice)
  await goTo(alice, t.pay)
  const main = alice.getByRole('main')
  // BOLT 12's own examples are of bitcoin's main network.
  await alice.getByLabel(t.payBox).fill('lno1pgx9getnwss8vetrw3hhyuckyypwa3eyt44h6txtxquqh7lz5djge4afgfjn7k4rgrkuag0jsd5xvxg')
  await expect(main).toContainText(t.offerOtherNetwork)
  await expect(button(main, t.payNow)).toBeDisabled()
  // A character was lost.
  await alice.getByLabel(t.payBox).fill('lno1pgx9getnwss8vetrw3hhyuckyypwa3eyt44h6txtxquqh7lz5djge4afgfjn7k4rgrkuag0jsd5xvx')
  await expect(main).toContainText(t.noTargets.offer)
  await expect(button(main, t.payNow)).toBeHidden()
})
