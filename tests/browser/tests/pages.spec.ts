/** Every page, light, dark and on a phone: pictures for people, axe for those who do not see them. */

import type { BrowserContextOptions } from '@playwright/test'

import { PLACES as GROUPS } from '../../../frontend/src/places.js'
import { ru } from '../../../frontend/src/text/ru/index.js'
import { violations } from '../src/accessibility.js'
import type { Node } from '../src/node.js'
import { button, proved, t } from '../src/pages.js'
import { picture } from '../src/pictures.js'
import { expect, test, type Page } from '../src/test.js'
import type { World } from '../src/world.js'

/** Every page of the navigation. */
const PLACES = GROUPS.flatMap(({ places }) => places.map(({ path }) => path))

const LOOKS: Record<string, BrowserContextOptions> = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { colorScheme: 'light', viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
}

for (const [look, options] of Object.entries(LOOKS)) {
  test(`every page in ${look} is whole, fits its width and has nothing that axe finds`, async ({ world, visit }) => {
    const paths = await furnish(world)
    const page = await visit(world.alice, { options })
    await expect(proved(page).first()).toBeVisible()
    const complaints: string[] = []
    for (const path of [...PLACES, ...paths, '/nowhere']) {
      await page.goto(world.alice.address.url + path)
      await settled(page)
      complaints.push(...(await faults(page, `${nameOf(path)}-${look}`)))
    }
    expect(complaints).toEqual([])
  })

  test(`every dialog in ${look} is whole, fits its width and has nothing that axe finds`, async ({ world, visit }) => {
    await furnish(world)
    const { channel_id: id } = await world.channel(world.alice)
    const page = await visit(world.alice, { options })
    const complaints: string[] = []
    for (const [name, open] of Object.entries(DIALOGS)) {
      await page.goto(`${world.alice.address.url}/channels/${id}`)
      await settled(page)
      await open(page)
      await expect(page.getByRole('dialog')).toBeVisible()
      await expect(page.getByRole('dialog').getByText(t.checking)).toHaveCount(0)
      complaints.push(...(await faults(page, `dialog-${name}-${look}`)))
    }
    expect(complaints).toEqual([])
  })

  test(`pages before the first one in ${look} have nothing that axe finds`, async ({ world, visit }) => {
    const stranger = await visit(world.alice, { link: world.alice.address.url, options })
    const unpinned = await visit(world.alice, { link: world.alice.link.replace(/#.*/, ''), options })
    await expect(unpinned.getByRole('heading', { name: t.pinTitle })).toBeVisible()
    const complaints = [...(await faults(stranger, `locked-${look}`)), ...(await faults(unpinned, `first-${look}`))]
    expect(complaints).toEqual([])
  })
}

test('every page in Russian, whose words are longer, fits a phone', async ({ world, visit }) => {
  const paths = await furnish(world)
  const page = await visit(world.alice, { options: { ...LOOKS.phone, locale: 'ru-RU' } })
  const word = page.getByRole('button', { name: new RegExp(ru.provedAt) }).first()
  await expect(word).toBeVisible()
  const complaints: string[] = []
  for (const path of [...PLACES, ...paths]) {
    await page.goto(world.alice.address.url + path)
    await expect(word).toBeVisible()
    await expect(page.getByText(ru.checking, { exact: true })).toHaveCount(0)
    complaints.push(...(await tooWide(page, `${nameOf(path)}-russian`)))
  }
  expect(complaints).toEqual([])
})

const DIALOGS: Record<string, (page: Page) => Promise<void>> = {
  proof: (page) => proved(page.getByRole('main')).first().click(),
  why: (page) => page.getByRole('main').getByTitle(t.whyThis).first().click(),
  close: (page) => button(page, t.closeChannel).click(),
  'force-close': async (page) => {
    await button(page, t.closeChannel).click()
    await page.getByText(t.forceClose, { exact: true }).click()
  },
  open: async (page) => {
    await page.getByRole('link', { name: t.channels, exact: true }).first().click()
    await button(page, t.openChannel).click()
  },
  key: (page) => button(page, t.keyNone).click(),
  ask: async (page) => {
    await page.getByRole('link', { name: t.channels, exact: true }).first().click()
    await button(page, t.askChannel).click()
  },
  batch: async (page) => {
    await page.getByRole('link', { name: t.channels, exact: true }).first().click()
    await button(page, t.openSeveral).click()
  },
  'send-coins': async (page) => {
    await page.goto(new URL('/wallet', page.url()).href)
    await button(page, t.sendCoins).first().click()
  },
  'receive-coins': async (page) => {
    await page.goto(new URL('/wallet', page.url()).href)
    await button(page, t.receiveCoins).click()
  },
  fees: (page) => button(page, t.change).click(),
}

/** Takes a picture, and says all that is wrong with the page as it stands. */
async function faults(page: Page, name: string): Promise<string[]> {
  const found = await tooWide(page, name)
  for (const violation of await violations(page)) found.push(`${name}: ${violation}`)
  return found
}

/** Takes a picture, and says whether something is wider than the window. */
async function tooWide(page: Page, name: string): Promise<string[]> {
  await picture(page, name)
  // A phone's browser widens its window to what is too wide for it: what counts is the width that it has.
  const scrollWidth = await page.evaluate(() => document.documentElement.scrollWidth)
  const width = page.viewportSize()?.width ?? 0
  return scrollWidth > width ? [`${name}: ${scrollWidth - width} pixels wider than the window`] : []
}

const nameOf = (path: string) => path.slice(1).replaceAll('/', '-').replace(/[0-9a-f]{64}/, 'one') || 'home'

/** Something to see: a channel, a payment each way, an invoice with a stranger's text. Gives the paths of what has a page of its own. */
async function furnish(world: World): Promise<string[]> {
  const { alice, hub } = world
  const { channel_id } = await world.channel(alice)
  const pay = async (payer: Node, payee: Node, asked: object) => {
    const { invoice, payment_hash } = await payee.post<{ invoice: string; payment_hash: string }>('invoices', asked)
    await payer.post('payments', { invoice })
    return payment_hash
  }
  const payments = await alice.get<{ payment_hash: string; status: string }[]>('payments')
  let sent = payments.find(({ status }) => status === 'succeeded')?.payment_hash
  const invoices = await alice.get<{ payment_hash: string; status: string }[]>('invoices')
  let received = invoices.find(({ status }) => status === 'paid')?.payment_hash
  sent ??= await pay(alice, hub, { amount: '2500500msat', description: 'tea, two cups' })
  if (!received) {
    received = await pay(hub, alice, { amount: '1200sat', description: 'change for the tea' })
    await alice.post('invoices', { amount: 'any', description: '<b>not bold</b> \u202e reversed' })
  }
  const [step] = await alice.get<{ tx_hash: string; ledger_height: number }[]>(`channels/${channel_id}/history`)
  return [
    `/channels/${channel_id}`,
    '/channels/closed',
    '/channels/asks',
    `/payments/sent/${sent}`,
    `/payments/received/${received}`,
    `/ledger/blocks/${step?.ledger_height}`,
    `/ledger/transactions/${step?.tx_hash}`,
  ]
}

/** Nothing is still being checked. */
async function settled(page: Page): Promise<void> {
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
  await expect(proved(page).first()).toBeVisible()
  await expect(page.getByText(t.checking, { exact: true })).toHaveCount(0)
  await page.evaluate(() => document.fonts.ready)
}
