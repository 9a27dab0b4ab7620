/** A node that was started on an older copy of its ledger: every page says so, and nothing can be ordered. */

import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { PLACES } from '../../../frontend/src/places.js'
import { ru } from '../../../frontend/src/text/ru/index.js'
import { violations } from '../src/accessibility.js'
import { Guest } from '../src/guest.js'
import { button, expectLocked, goTo, t } from '../src/pages.js'
import { picture } from '../src/pictures.js'
import { expect, test } from '../src/test.js'

test('node on an older copy of its ledger says so on every page, locks spending, and leaves the backup', async ({ world, visit }) => {
  const { invoice } = await world.hub.post<{ invoice: string }>('invoices', { amount: '1sat', description: 'not paid', expiry_seconds: 86_400 })
  await Guest.lend(world, 'carol', async (carol) => {
    await carol.start()
    await carol.stop()
    const ledger = join(carol.dataDir, 'regtest', 'ledger')
    const copy = join(carol.folder, 'older')
    await cp(ledger, copy, { recursive: true })
    const newer = await carol.start()
    await newer.post('invoices', { amount: '1sat', description: 'a newer block' })
    const well = await visit(newer)
    await goTo(well, t.receive)
    await expect(button(well, t.create)).toBeEnabled()
    await expect(well.getByText(t.alarmTitle)).toHaveCount(0)
    await carol.stop()
    await rm(ledger, { recursive: true })
    await cp(copy, ledger, { recursive: true })

    const node = await carol.start()
    // A browser that never saw the newer ledger: only the node itself knows.
    const page = await visit(node)
    const alarm = page.getByRole('alert').filter({ hasText: t.alarmTitle })
    for (const { path } of PLACES.flatMap(({ places }) => places)) {
      await page.goto(node.address.url + path)
      await expect(alarm).toBeVisible()
    }
    for (const step of t.alarmSteps) await expect(alarm).toContainText(step)
    await expectLocked(page, invoice, t.alarmTitle)
    await page.goto(node.address.url)
    await expect(page.getByText(t.checking, { exact: true })).toHaveCount(0)
    expect(await violations(page)).toEqual([])
    await picture(page, 'alarm-light')
    await page.getByRole('link', { name: t.alarmBackup }).click()
    const [file] = await Promise.all([page.waitForEvent('download'), button(page, t.backupSave).click()])
    expect(file.suggestedFilename()).toMatch(/\.backup$/)

    const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, locale: 'ru-RU', colorScheme: 'dark' as const }
    const russian = await visit(node, { options: phone })
    await expect(russian.getByRole('alert').filter({ hasText: ru.alarmTitle })).toBeVisible()
    expect(await violations(russian)).toEqual([])
    await picture(russian, 'alarm-russian')
  })
})
