/**
 * Playwright's test with the world in it, and with what holds for every page: it breaks no rule of its content
 * security policy, asks no other host for anything and throws no error that nobody catches.
 */

import { test as base, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from '@playwright/test'

import type { Node } from './node.js'
import { World, type WorldAddress } from './world.js'

export { expect, type Locator, type Page } from '@playwright/test'

interface Fixtures {
  world: World
  /** A person's browser, new and empty, that opens a node's link. */
  visit: (node: Node, how?: Visit) => Promise<Page>
}

export interface Visit {
  /** Opened instead of the node's own link. */
  link?: string
  options?: BrowserContextOptions
  /** Before anything is opened. */
  prepare?: (context: BrowserContext) => void
}

export const test = base.extend<Fixtures>({
  // Playwright reads from the pattern which fixtures this one needs: none.
  // oxlint-disable-next-line no-empty-pattern
  world: async ({}, use) => {
    await use(new World(JSON.parse(process.env.ZARNITSA_TEST_WORLD ?? '') as WorldAddress))
  },

  visit: async ({ browser }, use) => {
    const visitors: Visitor[] = []
    await use(async (node, { link = node.link, options = {}, prepare } = {}) => {
      const visitor = await Visitor.enter(browser, options)
      visitors.push(visitor)
      prepare?.(visitor.context)
      await visitor.page.goto(link)
      return visitor.page
    })
    for (const visitor of visitors) await visitor.leave()
  },
})

class Visitor {
  readonly #complaints: string[] = []

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
  ) {}

  static async enter(browser: Browser, options: BrowserContextOptions): Promise<Visitor> {
    const context = await browser.newContext(options)
    const visitor = new Visitor(context, await context.newPage())
    await visitor.#watch()
    return visitor
  }

  async #watch(): Promise<void> {
    const complain = (text: string) => void this.#complaints.push(text)
    await this.context.exposeFunction('complainOfPolicy', complain)
    await this.context.addInitScript(() => {
      const { complainOfPolicy } = window as unknown as { complainOfPolicy(text: string): void }
      document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) => {
        complainOfPolicy(`the policy's ${effectiveDirective} forbids ${blockedURI}`)
      })
    })
    // A worker has no document to listen at.
    this.context.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) complain(message.text())
    })
    this.context.on('weberror', (error) => complain(`an error that nobody caught: ${error.error().stack}`))
    this.context.on('request', (request) => {
      const { protocol, hostname } = new URL(request.url())
      const isLocal = hostname === '127.0.0.1' || protocol === 'blob:' || protocol === 'data:' || protocol === 'file:'
      if (!isLocal) complain(`a request to ${request.url()}`)
    })
  }

  async leave(): Promise<void> {
    await this.context.close()
    if (this.#complaints.length > 0) throw new Error(this.#complaints.join('\n'))
  }
}
