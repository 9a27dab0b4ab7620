/** The program: one window on the local node. */

import type { Electron, Session, Window, WindowOptions } from './electron.js'
import { findOrStart, type Host, type NodeProcess, type Place } from './localNode.js'
import { lockContents, lockSession } from './lock.js'

/** Cookies, the pinned key and the operator's encrypted key stay from one start to the next. */
const PARTITION = 'persist:zarnitsa'

export async function run(electron: Electron, host: Host, place: Place): Promise<void> {
  const { app, dialog } = electron
  let origin: string | undefined
  let window: Window | undefined
  let node: NodeProcess | undefined

  // Two shells on one folder would start two nodes.
  if (!app.requestSingleInstanceLock()) return app.quit()
  app.enableSandbox()
  app.on('second-instance', () => {
    if (window?.isMinimized()) window.restore()
    window?.focus()
  })
  app.on('web-contents-created', (_event, contents) => lockContents(contents, () => origin))
  app.on('window-all-closed', () => app.quit())
  app.on('before-quit', (event) => {
    // The node ends first, and then the shell.
    if (!node) return
    event.preventDefault()
    const ending = node
    node = undefined
    void ending.stop().finally(() => app.quit())
  })

  await app.whenReady()
  electron.Menu.setApplicationMenu(null)
  try {
    const found = await findOrStart(place, host)
    node = found.process
    origin = found.origin
    const session = electron.session.fromPartition(PARTITION)
    lockSession(session, origin)
    window = new electron.BrowserWindow(windowOptions(session))
    await window.loadURL(found.link)
  } catch (error) {
    // The link holds the token, and Electron's errors hold the link.
    const reason = (error instanceof Error ? error.message : String(error)).replace(/token=[^#&\s']*/g, 'token=…')
    dialog.showErrorBox('Zarnitsa', `There is no node to show.\n\n${reason}`)
    app.quit()
  }
}

function windowOptions(session: Session): WindowOptions {
  return {
    title: 'Zarnitsa',
    width: 1280,
    height: 860,
    minWidth: 360,
    backgroundColor: '#12151f',
    webPreferences: {
      session,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      sandbox: true,
      webSecurity: true,
      webviewTag: false,
      allowRunningInsecureContent: false,
      navigateOnDragDrop: false,
      spellcheck: false,
    },
  }
}
