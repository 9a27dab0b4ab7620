/** The page that stands in while the node is away: kept by a service worker, where the browser has such. */

export function keepAwayPage(): void {
  // Only over TLS or on this machine: elsewhere a browser has none.
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return
  addEventListener('load', () => {
    // Without it all is as it was, but for that page.
    navigator.serviceWorker.register('/sw.js').catch(() => undefined)
  })
}
