// @vitest-environment node

import { expect, test } from 'vitest'

import { run } from '../src/shell.js'
import { FakeContents, FakeElectron, fakeHost, FILES, KEY, ORIGIN, PLACE } from './fakes.js'

const LINK = `${ORIGIN}/?token=secret#key=${KEY}`

test('running node is opened in one window that gives the page nothing', async () => {
  const electron = new FakeElectron()
  await run(electron, fakeHost(FILES, true).host, PLACE)
  expect(electron.windows.map(({ url }) => url)).toEqual([LINK])
  expect(electron.windows[0]?.options.webPreferences).toMatchObject({
    contextIsolation: true,
    nodeIntegration: false,
    nodeIntegrationInWorker: false,
    nodeIntegrationInSubFrames: false,
    sandbox: true,
    webSecurity: true,
    webviewTag: false,
  })
  expect(electron.windows[0]?.options.webPreferences).not.toHaveProperty('preload')
  expect(electron.did).toEqual(['sandbox', 'ready', 'no menu'])
  expect(electron.errors).toEqual([])
})

test('second shell ends and shows nothing, and the first comes forward', async () => {
  const second = new FakeElectron()
  second.isOnly = false
  await run(second, fakeHost(FILES, true).host, PLACE)
  expect(second.did).toEqual(['quit'])
  expect(second.windows).toEqual([])

  const first = new FakeElectron()
  await run(first, fakeHost(FILES, true).host, PLACE)
  first.events.emit('second-instance')
  expect(first.did.slice(-2)).toEqual(['restore', 'focus'])
})

test('page stays on the node, opens no window and embeds nothing', async () => {
  const electron = new FakeElectron()
  const early = new FakeContents()
  const running = run(electron, fakeHost(FILES, true).host, PLACE)
  electron.events.emit('web-contents-created', {}, early)
  // Before the node is known, nowhere at all.
  expect(early.navigates('will-navigate', `${ORIGIN}/`)).toBe(false)
  await running
  const contents = new FakeContents()
  electron.events.emit('web-contents-created', {}, contents)
  for (const event of ['will-navigate', 'will-frame-navigate', 'will-redirect']) {
    expect(contents.navigates(event, `${ORIGIN}/channels`)).toBe(true)
    for (const url of FOREIGN) expect(contents.navigates(event, url), `${event} ${url}`).toBe(false)
  }
  expect(contents.windowOpenHandler?.()).toEqual({ action: 'deny' })
  expect(contents.navigates('will-attach-webview', `${ORIGIN}/`)).toBe(false)
})

const FOREIGN = [
  'https://example.org/',
  'http://127.0.0.1:9781/',
  'https://127.0.0.1:9780/',
  'http://127.0.0.1:9780.example.org/',
  'http://127.0.0.1:9780@example.org/',
  'file:///etc/passwd',
  'data:text/html,x',
  'javascript:1',
  'about:blank',
  'no address',
]

test('permissions, devices and other hosts are denied; the copy buttons work', async () => {
  const electron = new FakeElectron()
  await run(electron, fakeHost(FILES, true).host, PLACE)
  const session = electron.sessionOfWindow
  for (const permission of ['media', 'geolocation', 'notifications', 'clipboard-read', 'openExternal', 'hid', 'usb']) {
    expect(session.asks(permission, `${ORIGIN}/`), permission).toBe(false)
    expect(session.check?.(undefined, permission, ORIGIN), permission).toBe(false)
  }
  expect(session.asks('clipboard-sanitized-write', `${ORIGIN}/receive`)).toBe(true)
  expect(session.asks('clipboard-sanitized-write', 'https://example.org/')).toBe(false)
  expect(session.check?.(undefined, 'clipboard-sanitized-write', 'https://example.org')).toBe(false)
  expect(session.device?.()).toBe(false)
  expect(session.reaches(`${ORIGIN}/api/services/lightning/v1/info`)).toBe(true)
  expect(session.reaches('ws://127.0.0.1:9780/api/services/lightning/v1/events?after=0')).toBe(true)
  expect(session.reaches(`blob:${ORIGIN}/0f3c`)).toBe(true)
  for (const url of FOREIGN) expect(session.reaches(url), url).toBe(false)
  expect(session.reaches('wss://example.org/')).toBe(false)
  expect(session.reaches('blob:https://example.org/0f3c')).toBe(false)
})

test('node that the shell started ends before the shell does', async () => {
  const electron = new FakeElectron()
  const { host, state, process } = fakeHost(FILES, false)
  state.onPause = () => void (state.answers = true)
  await run(electron, host, PLACE)
  electron.events.emit('window-all-closed')
  expect(electron.did.at(-1)).toBe('quit')
  expect(electron.mayQuit()).toBe(false)
  expect(process.stopped).toBe(1)
  await expect.poll(() => electron.did.filter((step) => step === 'quit').length).toBe(2)
  expect(electron.mayQuit()).toBe(true)
})

test('node that ran before is left running', async () => {
  const electron = new FakeElectron()
  const { host, process } = fakeHost(FILES, true)
  await run(electron, host, PLACE)
  expect(electron.mayQuit()).toBe(true)
  expect(process.stopped).toBe(0)
})

test('failure is shown without the token, and ends the shell', async () => {
  const electron = new FakeElectron()
  electron.loads = (url) => Promise.reject(new Error(`ERR_CONNECTION_REFUSED (-102) loading '${url}'`))
  await run(electron, fakeHost(FILES, true).host, PLACE)
  expect(electron.errors).toHaveLength(1)
  expect(electron.errors[0]).toContain('ERR_CONNECTION_REFUSED')
  expect(electron.errors[0]).not.toContain('secret')
  expect(electron.did.at(-1)).toBe('quit')
})
