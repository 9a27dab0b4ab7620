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
  scrollTo(0, 0)
}

/** Whether a place is the current one, or one above it. */
export function isAt(current: string, to: string): boolean {
  return to === '/' ? current === '/' : current === to || current.startsWith(`${to}/`)
}

interface LinkProps {
  to: string
  className?: string
  /** Only the place itself counts as here. */
  exact?: boolean
  label?: string
  children: ReactNode
}

export function Link({ to, className, exact = false, label, children }: LinkProps) {
  const current = usePath()
  const isHere = exact ? current === to : isAt(current, to)
  return (
    <a
      href={to}
      className={className}
      aria-label={label}
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
