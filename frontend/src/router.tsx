/** Places in the page, as paths. */

import { createContext, useContext, useEffect, useState, type ReactNode } from 'react'

interface At {
  path: string
  /** Grows when whoever is at a place goes there again: the page begins anew. */
  visit: number
}

const Place = createContext<At>({ path: '/', visit: 0 })

export function Router({ children }: { children: ReactNode }) {
  const [at, setAt] = useState<At>({ path: location.pathname, visit: 0 })
  useEffect(() => {
    const moved = () =>
      setAt(({ path, visit }) => ({ path: location.pathname, visit: location.pathname === path ? visit + 1 : visit }))
    addEventListener('popstate', moved)
    return () => removeEventListener('popstate', moved)
  }, [])
  return <Place value={at}>{children}</Place>
}

export const usePath = () => useContext(Place).path

export const useVisit = () => useContext(Place).visit

export function go(path: string): void {
  if (path !== location.pathname) history.pushState(null, '', path)
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
