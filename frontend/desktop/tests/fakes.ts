/** Stand-ins for what is outside of the shell. */

import type {
  App,
  Electron,
  Navigation,
  Preventable,
  Session,
  WebContents,
  Window,
  WindowOptions,
} from '../src/electron.js'
import type { Host, NodeProcess } from '../src/localNode.js'

export const KEY = 'ab'.repeat(32)
export const ORIGIN = 'http://127.0.0.1:9780'

type Listener = (...args: never[]) => void

class Emitter {
  readonly #listeners = new Map<string, Listener[]>()

  on(event: string, listener: Listener): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener])
  }

  emit(event: string, ...args: unknown[]): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(...(args as never[]))
  }
}

export class FakeContents extends Emitter implements WebContents {
  windowOpenHandler: (() => { action: 'deny' }) | undefined

  setWindowOpenHandler(handler: () => { action: 'deny' }): void {
    this.windowOpenHandler = handler
  }

  /** Whether it would go there. */
  navigates(event: string, url: string): boolean {
    const navigation: Navigation & { isPrevented: boolean } = {
      url,
      isPrevented: false,
      preventDefault() {
        this.isPrevented = true
      },
    }
    this.emit(event, navigation)
    return !navigation.isPrevented
  }
}

export class FakeSession implements Session {
  request: Parameters<Session['setPermissionRequestHandler']>[0] | undefined
  check: Parameters<Session['setPermissionCheckHandler']>[0] | undefined
  device: (() => boolean) | undefined
  before: Parameters<Session['webRequest']['onBeforeRequest']>[0] | undefined
  setPermissionRequestHandler = (handler: NonNullable<FakeSession['request']>) => void (this.request = handler)
  setPermissionCheckHandler = (handler: NonNullable<FakeSession['check']>) => void (this.check = handler)
  setDevicePermissionHandler = (handler: () => boolean) => void (this.device = handler)
  webRequest = { onBeforeRequest: (listener: NonNullable<FakeSession['before']>) => void (this.before = listener) }

  asks(permission: string, requestingUrl: string): boolean {
    let allowed = false
    this.request?.(undefined, permission, (answer) => (allowed = answer), { requestingUrl })
    return allowed
  }

  reaches(url: string): boolean {
    let cancelled = true
    this.before?.({ url }, ({ cancel }) => (cancelled = cancel))
    return !cancelled
  }
}

export class FakeElectron implements Electron {
  readonly did: string[] = []
  readonly errors: string[] = []
  readonly windows: { options: WindowOptions; url: string }[] = []
  readonly sessionOfWindow = new FakeSession()
  readonly events = new Emitter()
  isOnly = true
  loads: (url: string) => Promise<void> = () => Promise.resolve()

  readonly app: App = {
    enableSandbox: () => void this.did.push('sandbox'),
    requestSingleInstanceLock: () => this.isOnly,
    whenReady: () => Promise.resolve(void this.did.push('ready')),
    quit: () => void this.did.push('quit'),
    on: (event: string, listener: Listener) => this.events.on(event, listener),
  }
  readonly Menu = { setApplicationMenu: () => void this.did.push('no menu') }
  readonly dialog = { showErrorBox: (_title: string, text: string) => void this.errors.push(text) }
  readonly session = { fromPartition: () => this.sessionOfWindow }
  readonly BrowserWindow: new (options: WindowOptions) => Window

  constructor() {
    const { windows, did } = this
    const loads = (url: string) => this.loads(url)
    this.BrowserWindow = class implements Window {
      readonly #shown: { options: WindowOptions; url: string }
      constructor(options: WindowOptions) {
        this.#shown = { options, url: '' }
        windows.push(this.#shown)
      }
      loadURL(url: string) {
        this.#shown.url = url
        return loads(url)
      }
      isMinimized = () => true
      restore = () => void did.push('restore')
      focus = () => void did.push('focus')
    }
  }

  /** Whether the shell lets the program end now. */
  mayQuit(): boolean {
    let isPrevented = false
    const event: Preventable = { preventDefault: () => void (isPrevented = true) }
    this.events.emit('before-quit', event)
    return !isPrevented
  }
}

/** A machine with the given files, where a node answers if its token is right. */
export function fakeHost(files: Record<string, string>, answers: boolean) {
  const started: string[][] = []
  const asked: string[] = []
  const process = { ended: undefined as string | undefined, stopped: 0 }
  const node: NodeProcess = {
    get ended() {
      return process.ended
    },
    stop: () => Promise.resolve(void (process.stopped += 1)),
  }
  const state = { answers, onPause: () => undefined as void }
  const host: Host = {
    read: (path) => Promise.resolve(files[path]),
    get(url, token) {
      asked.push(url)
      if (!state.answers || token !== 'secret') return Promise.reject(new Error('nobody answers'))
      return Promise.resolve({ validator_key: KEY })
    },
    start(program, args) {
      started.push([program, ...args])
      return node
    },
    pause: () => Promise.resolve(state.onPause()),
  }
  return { host, started, asked, process, state }
}

export const FILES = {
  '/data/regtest/http.address': '127.0.0.1:9780\n',
  '/data/regtest/full.token': 'secret\n',
}
export const PLACE = { program: 'zarnitsa', dataDir: '/data', network: 'regtest' }
