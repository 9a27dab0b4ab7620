/**
 * What the shell uses of Electron, in its own words.
 *
 * Nothing here imports Electron: the tests inject another that does the same, and the types need no installed binary.
 */

export interface Electron {
  app: App
  BrowserWindow: new (options: WindowOptions) => Window
  Menu: { setApplicationMenu(menu: null): void }
  dialog: { showErrorBox(title: string, text: string): void }
  session: { fromPartition(name: string): Session }
}

export interface App {
  enableSandbox(): void
  requestSingleInstanceLock(): boolean
  whenReady(): Promise<void>
  quit(): void
  on(event: 'second-instance' | 'window-all-closed', listener: () => void): void
  on(event: 'before-quit', listener: (event: Preventable) => void): void
  on(event: 'web-contents-created', listener: (event: unknown, contents: WebContents) => void): void
}

export interface Preventable {
  preventDefault(): void
}

/** Of a navigation, with where it leads. */
export interface Navigation extends Preventable {
  url: string
}

export interface WindowOptions {
  title: string
  width: number
  height: number
  minWidth: number
  backgroundColor: string
  webPreferences: {
    session: Session
    contextIsolation: true
    nodeIntegration: false
    nodeIntegrationInWorker: false
    nodeIntegrationInSubFrames: false
    sandbox: true
    webSecurity: true
    webviewTag: false
    allowRunningInsecureContent: false
    navigateOnDragDrop: false
    spellcheck: false
  }
}

export interface Window {
  loadURL(url: string): Promise<void>
  isMinimized(): boolean
  restore(): void
  focus(): void
}

export interface WebContents {
  on(
    event: 'will-navigate' | 'will-frame-navigate' | 'will-redirect',
    listener: (navigation: Navigation) => void,
  ): void
  on(event: 'will-attach-webview', listener: (event: Preventable) => void): void
  setWindowOpenHandler(handler: () => { action: 'deny' }): void
}

type Answer = (isAllowed: boolean) => void

export interface Session {
  setPermissionRequestHandler(
    handler: (contents: unknown, permission: string, answer: Answer, details: { requestingUrl: string }) => void,
  ): void
  setPermissionCheckHandler(handler: (contents: unknown, permission: string, origin: string) => boolean): void
  setDevicePermissionHandler(handler: () => boolean): void
  webRequest: {
    onBeforeRequest(listener: (details: { url: string }, answer: (verdict: { cancel: boolean }) => void) => void): void
  }
}
