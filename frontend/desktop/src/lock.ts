/** Keeps the window with the node that it was opened for, and gives the page nothing that it does not need. */

import type { Navigation, Session, WebContents } from './electron.js'

/** The copy buttons write to the clipboard; nothing else that a page may ask for is needed. */
const GRANTED = 'clipboard-sanitized-write'

/** Whether an address is the node's. What is no address is nobody's. */
export function isOf(origin: string, url: string): boolean {
  try {
    return new URL(url).origin === origin
  } catch {
    return false
  }
}

/** The page stays on the node, opens no windows and embeds nothing. */
export function lockContents(contents: WebContents, origin: () => string | undefined): void {
  const stay = (navigation: Navigation) => {
    const allowed = origin()
    if (allowed === undefined || !isOf(allowed, navigation.url)) navigation.preventDefault()
  }
  contents.on('will-navigate', stay)
  contents.on('will-frame-navigate', stay)
  contents.on('will-redirect', stay)
  contents.on('will-attach-webview', (event) => event.preventDefault())
  contents.setWindowOpenHandler(() => ({ action: 'deny' }))
}

/** No permissions, no devices, no request to any other host. */
export function lockSession(session: Session, origin: string): void {
  session.setPermissionRequestHandler((_contents, permission, answer, { requestingUrl }) => {
    answer(permission === GRANTED && isOf(origin, requestingUrl))
  })
  session.setPermissionCheckHandler((_contents, permission, from) => permission === GRANTED && isOf(origin, from))
  session.setDevicePermissionHandler(() => false)
  session.webRequest.onBeforeRequest(({ url }, answer) => answer({ cancel: !isReachable(origin, url) }))
}

/** The node itself, its event stream, and what the page made of its own (a file to be saved). */
function isReachable(origin: string, url: string): boolean {
  if (url.startsWith(`blob:${origin}/`)) return true
  return isOf(origin, url.replace(/^ws:/, 'http:').replace(/^wss:/, 'https:'))
}
