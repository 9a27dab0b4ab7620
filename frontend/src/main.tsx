import './style/base.css'
import './style/layout.css'
import './style/parts.css'
import './style/pages.css'

import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'

import { App } from './app'
import { keepAwayPage } from './away'
import { SettingsProvider } from './settings'
import { TextProvider } from './text'

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <TextProvider>
      <SettingsProvider>
        <App />
      </SettingsProvider>
    </TextProvider>
  </StrictMode>,
)
keepAwayPage()
