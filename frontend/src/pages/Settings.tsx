import { useState } from 'react'

import { Choice } from '../parts/Choice'
import { Command } from '../parts/Command'
import { CopyText } from '../parts/CopyText'
import { Callout } from '../parts/Empty'
import { Icon } from '../parts/Icon'
import { BringKey, UnlockKey } from '../parts/KeyDialog'
import { ProofBadge } from '../parts/ProofBadge'
import { Tower } from '../parts/Tower'
import { formatMoment } from '../format'
import { useNode, useProved } from '../node/context'
import { forgetPin } from '../node/pin'
import { saveFile } from '../story/csv'
import { useSettings } from '../settings'
import { useText } from '../text'

export function Settings() {
  const { t } = useText()
  return (
    <>
      <h1 tabIndex={-1}>{t.settings}</h1>
      <div className="columns">
        <Look />
        <Key />
        <Trust />
        <Backup />
        <Tower />
      </div>
    </>
  )
}

function Look() {
  const { t, language, choose } = useText()
  const { unit, theme, setUnit, setTheme } = useSettings()
  return (
    <section className="card stack">
      <h2>{t.look_}</h2>
      <Choice
        label={t.unit}
        value={unit}
        onChange={setUnit}
        options={[
          ['sat', t.sat],
          ['btc', t.btc],
        ]}
      />
      <Choice
        label={t.theme}
        value={theme}
        onChange={setTheme}
        options={[
          ['system', t.themeSystem],
          ['light', t.themeLight],
          ['dark', t.themeDark],
        ]}
      />
      <Choice
        label={t.language}
        value={language}
        onChange={choose}
        options={[
          ['en', 'English'],
          ['ru', 'Русский'],
        ]}
      />
    </section>
  )
}

/** The operator's key in this browser. */
function Key() {
  const { t } = useText()
  const { signer, mayCommand } = useNode()
  const [isSure, setSure] = useState(false)
  return (
    <section className="card stack">
      <h2>{t.operatorKey}</h2>
      <p className="soft">{t.operatorKeyText}</p>
      {signer.state === 'none' && <BringKey />}
      {signer.state === 'locked' && <UnlockKey />}
      {signer.publicKey && (
        <dl className="facts">
          <dt>{t.publicKey}</dt>
          <dd>
            <CopyText text={signer.publicKey} />
          </dd>
        </dl>
      )}
      {signer.publicKey && (
        <div className="buttons">
          {signer.state === 'unlocked' && (
            <button type="button" className="plain" onClick={signer.lock}>
              <Icon name="lock" /> {t.lockKey}
            </button>
          )}
          {isSure ? (
            <button type="button" className="danger" onClick={signer.forget}>
              {t.forgetKeySure}
            </button>
          ) : (
            <button type="button" className="plain" onClick={() => setSure(true)}>
              {t.forgetKey}
            </button>
          )}
        </div>
      )}
      <p className="soft">{mayCommand ? t.sessionFull : t.sessionRead}</p>
    </section>
  )
}

/** What this browser believes, and why. */
function Trust() {
  const { t } = useText()
  const { info } = useNode()
  const config = useProved('config')
  const [isSure, setSure] = useState(false)
  return (
    <section className="card stack">
      <div className="row">
        <h2>{t.trust}</h2>
        <ProofBadge proof={config} />
      </div>
      <p className="soft">{t.trustText}</p>
      <dl className="facts">
        <dt>{t.validator}</dt>
        <dd>
          <CopyText text={info.validator_key} />
        </dd>
        {config.answer && (
          <>
            <dt>{t.operator}</dt>
            <dd>
              <CopyText text={config.answer.value.operatorKey} />
            </dd>
            <dt>{t.nodeId}</dt>
            <dd>
              <CopyText text={config.answer.value.nodeId} />
            </dd>
          </>
        )}
      </dl>
      <div className="buttons">
        {isSure ? (
          <button
            type="button"
            className="danger"
            onClick={() => {
              forgetPin()
              location.assign('/')
            }}
          >
            {t.forgetPinSure}
          </button>
        ) : (
          <button type="button" className="plain" onClick={() => setSure(true)}>
            {t.forgetPin}
          </button>
        )}
      </div>
    </section>
  )
}

/** What brings the node back when its disk is lost. */
function Backup() {
  const { t, language } = useText()
  const { api, mayCommand } = useNode()
  const [made, setMade] = useState<Date>()
  const make = async () => {
    const file = await api.backup()
    const now = new Date()
    saveFile(`zarnitsa-${now.toISOString().slice(0, 10)}.backup`, 'application/octet-stream', file)
    setMade(now)
  }
  return (
    <section className="card stack">
      <h2>{t.backup}</h2>
      <p>{t.backupText}</p>
      <Command label={t.backupSave} busy={t.working} plain harmless disabled={!mayCommand} act={make}>
        {!mayCommand && (
          <Callout tone="wait" icon="lock">
            {t.readOnlyText}
          </Callout>
        )}
      </Command>
      {made && <p role="status">{t.backupMade(formatMoment(made, language))}</p>}
      <p className="soft">{t.backupCommands}</p>
      <pre className="commands">
        <code>zarnitsa backup create FILE</code>
        {'\n'}
        <code>zarnitsa backup restore FILE --mnemonic-file WORDS</code>
      </pre>
      <Callout tone="wait" icon="warning">
        {t.backupOld}
      </Callout>
    </section>
  )
}
