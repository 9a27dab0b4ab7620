/** Places in the page, as paths. */

import { createContext, useContext, useEffect, useState, type ReactNode } from 'react'

const Path = createContext('/')

export function Router({ children }: { children: ReactNode }) {
  const [path, setPath] = useState(location.pathname)
  useEffect(() => {
    const moved = () => setPath(location.pathname)
    addEventListener('popstate', moved)
    return () => removeEventListener('popstate', moved)
  }, [])
  return <Path value={path}>{children}</Path>
}

export const usePath = () => useContext(Path)

export function go(path: string): void {
  history.pushState(null, '', path)
  dispatchEvent(new PopStateEvent('popstate'))
}

export function Link({ to, children }: { to: string; children: ReactNode }) {
  const current = usePath()
  const isHere = to === '/' ? current === '/' : current.startsWith(to)
  return (
    <a
      href={to}
      aria-current={isHere ? 'page' : undefined}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return
        event.preventDefault()
        go(to)
      }}
    >
      {children}
    </a>
  )
}
