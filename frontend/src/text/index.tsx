/** The language of the page. */

import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react'

import { en, type Text } from './en'
import { ru } from './ru'

export type { Text }

const LANGUAGES = { en, ru } as const
export type Language = keyof typeof LANGUAGES
const STORED = 'zarnitsa.language'

interface Words {
  t: Text
  language: Language
  choose(language: Language): void
}

const Words = createContext<Words>({ t: en, language: 'en', choose: () => undefined })

export const useText = () => useContext(Words)

export function TextProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState<Language>(initial)
  useEffect(() => {
    document.documentElement.lang = language
    localStorage.setItem(STORED, language)
  }, [language])
  const words = useMemo(() => ({ t: LANGUAGES[language], language, choose: setLanguage }), [language])
  return <Words value={words}>{children}</Words>
}

function initial(): Language {
  const wanted = localStorage.getItem(STORED) ?? navigator.language.slice(0, 2)
  return wanted in LANGUAGES ? (wanted as Language) : 'en'
}
