/** The UI as a program of its own: installed by the browser, or in the desktop shell's window. */

import { host } from '../../../frontend/desktop/src/host.js'
import { findOrStart } from '../../../frontend/desktop/src/localNode.js'
import { violations } from '../src/accessibility.js'
import { Guest } from '../src/guest.js'
import { proved, t } from '../src/pages.js'
import { picture } from '../src/pictures.js'
import { expect, test } from '../src/test.js'

test('browser finds nothing that would forbid to install the page', async ({ world, visit }) => {
  const page = await visit(world.alice)
  await expect(proved(page).first()).toBeVisible()
  const session = await page.context().newCDPSession(page)
  const { url, errors, data } = await session.send('Page.getAppManifest')
  expect(errors).toEqual([])
  expect(url).toBe(`${world.alice.address.url}/manifest.webmanifest`)
  expect(JSON.parse(data ?? '')).toMatchObject({ name: 'Zarnitsa', display: 'standalone', start_url: '/' })
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors')
  // Playwright's contexts are incognito windows, in which nothing can be installed.
  expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito')).toEqual([])
})

test('nothing of the node is kept: the service worker has only the page that stands in for it', async ({ world, visit }) => {
  const page = await visit(world.alice)
  await expect(proved(page).first()).toBeVisible()
  // Registering it breaks no rule of the page's policy: every visit of the tests looks for that.
  const kept = await page.evaluate(async () => {
    const { active } = await navigator.serviceWorker.ready
    const names = await caches.keys()
    const urls = await Promise.all(names.map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)))
    return { worker: active?.scriptURL, urls: urls.flat().sort(), stored: Object.values({ ...localStorage, ...sessionStorage }).join(' ') }
  })
  expect(kept.worker).toBe(`${world.alice.address.url}/sw.js`)
  expect(kept.urls).toEqual(['/away.css', '/away.html'])
  expect(kept.stored).not.toContain(world.alice.address.token)
})

test('node that is stopped is told so in both languages, and is there again when it is started', async ({ world, visit }) => {
  await Guest.lend(world, 'faye', async (faye) => {
    const node = await faye.start()
    const page = await visit(node)
    await expect(proved(page).first()).toBeVisible()
    await page.evaluate(async () => void (await navigator.serviceWorker.ready))
    await faye.stop()
    await expect(page.getByText(t.disconnected)).toBeVisible()
    await page.goto(`${node.address.url}/channels`)
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('The node does not answer')
    await expect(page.getByRole('heading', { name: 'Узел не отвечает' })).toBeVisible()
    expect(await violations(page)).toEqual([])
    await picture(page, 'away-light')
    await faye.start()
    await page.getByRole('link', { name: 'Try again' }).click()
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(t.channels)
    await expect(proved(page).first()).toBeVisible()
  })
})

test('desktop shell finds the running node and its link opens the UI', async ({ world, visit }) => {
  const place = { program: '/nowhere', dataDir: world.alice.address.dataDir, network: 'regtest' }
  const { link, origin, process } = await findOrStart(place, host)
  expect(process).toBeUndefined()
  expect(origin).toBe(world.alice.address.url)
  const page = await visit(world.alice, { link })
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(t.home)
  await expect(proved(page).first()).toBeVisible()
})
