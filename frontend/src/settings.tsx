/** What a person chose of how the page looks. It is kept in this browser. */

import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react'

export type Unit = 'sat' | 'btc'
export type Theme = 'system' | 'light' | 'dark'

export interface Settings {
  unit: Unit
  theme: Theme
  setUnit(unit: Unit): void
  setTheme(theme: Theme): void
}

const UNIT = 'zarnitsa.unit'
const THEME = 'zarnitsa.theme'

const Context = createContext<Settings>({
  unit: 'sat',
  theme: 'system',
  setUnit: () => undefined,
  setTheme: () => undefined,
})

export const useSettings = () => useContext(Context)

export function SettingsProvider({ children }: { children: ReactNode }) {
  const [unit, setUnit] = useState<Unit>(() => (localStorage.getItem(UNIT) === 'btc' ? 'btc' : 'sat'))
  const [theme, setTheme] = useState<Theme>(storedTheme)
  useEffect(() => localStorage.setItem(UNIT, unit), [unit])
  useEffect(() => {
    localStorage.setItem(THEME, theme)
    if (theme === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme
  }, [theme])
  const settings = useMemo(() => ({ unit, theme, setUnit, setTheme }), [unit, theme])
  return <Context value={settings}>{children}</Context>
}

function storedTheme(): Theme {
  const stored = localStorage.getItem(THEME)
  return stored === 'light' || stored === 'dark' ? stored : 'system'
}
