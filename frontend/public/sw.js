// Stands in while the node is away, so that a window of its own is not left with the browser's error. It keeps the
// page that says so and nothing else: no answer of the node's, no page, no script is ever served from here.

const KEPT = 'zarnitsa-away-1'
const PAGE = '/away.html'
const FILES = [PAGE, '/away.css']

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(KEPT)
      .then((kept) => kept.addAll(FILES))
      .then(() => self.skipWaiting()),
  )
})

self.addEventListener('activate', (event) => {
  const old = (names) => names.filter((name) => name !== KEPT).map((name) => caches.delete(name))
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(old(names)))
      .then(() => self.clients.claim()),
  )
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  const { pathname } = new URL(request.url)
  const kept = request.mode === 'navigate' ? PAGE : FILES.find((file) => file === pathname)
  // Whatever else is asked goes its way without passing here.
  if (kept === undefined) return
  event.respondWith(fetch(request).catch(async () => (await caches.match(kept)) ?? Response.error()))
})
