import { useState } from 'react'

import { readSeed, SHORTEST_PASSPHRASE } from '../node/keyring'
import { useNode } from '../node/context'
import { useText } from '../text'
import { Field } from './Command'
import { Dialog } from './Dialog'
import { Trouble } from './Trouble'

/** Asks for the operator's key: to be brought here once, and then for its passphrase. */
export function KeyDialog() {
  const { t } = useText()
  const { signer } = useNode()
  if (!signer.asking) return null
  return signer.state === 'none' ? (
    <Dialog title={t.bringKey} onClose={signer.cancel}>
      <BringKey />
    </Dialog>
  ) : (
    <Dialog title={t.unlockKey} onClose={signer.cancel}>
      <p>{t.unlockText}</p>
      <UnlockKey />
    </Dialog>
  )
}

function useAttempt() {
  const [isBusy, setBusy] = useState(false)
  const [trouble, setTrouble] = useState<unknown>()
  const attempt = (act: () => Promise<void>) => {
    setBusy(true)
    setTrouble(undefined)
    act()
      .catch(setTrouble)
      .finally(() => setBusy(false))
  }
  return { isBusy, trouble, attempt }
}

/** Takes the key from its file or from the clipboard, with a new passphrase. */
export function BringKey() {
  const { t } = useText()
  const { signer } = useNode()
  const { isBusy, trouble, attempt } = useAttempt()
  const [text, setText] = useState('')
  const [passphrase, setPassphrase] = useState('')
  const [again, setAgain] = useState('')
  const bring = async () => {
    const seed = readSeed(text)
    if (!seed) throw new Error(t.notAKey)
    if (passphrase.length < SHORTEST_PASSPHRASE) throw new Error(t.passphraseShort)
    if (passphrase !== again) throw new Error(t.passphraseDiffers)
    await signer.bring(seed, passphrase)
    setText('')
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        attempt(bring)
      }}
    >
      <p>{t.bringKeyText}</p>
      <Field type="password" label={t.keyPasted} hint={t.keyHint} value={text} onChange={setText} />
      <label>
        <span>{t.keyFile}</span>
        <input
          type="file"
          onChange={({ target }) => {
            const file = target.files?.[0]
            if (file && file.size < 1_024) void file.text().then(setText)
            else setText('')
          }}
        />
      </label>
      <div className="pair">
        <Field type="password" autoComplete="new-password" label={t.newPassphrase} value={passphrase} onChange={setPassphrase} />
        <Field type="password" autoComplete="new-password" label={t.passphraseAgain} value={again} onChange={setAgain} />
      </div>
      <p className="hint">{t.passphraseText}</p>
      <div className="buttons">
        <button type="submit" disabled={isBusy}>
          {isBusy ? t.working : t.keepKey}
        </button>
      </div>
      {trouble !== undefined && <Trouble error={trouble} />}
    </form>
  )
}

/** Unlocks the key that is kept here. */
export function UnlockKey() {
  const { t } = useText()
  const { signer } = useNode()
  const { isBusy, trouble, attempt } = useAttempt()
  const [passphrase, setPassphrase] = useState('')
  const unlock = async () => {
    if (!(await signer.unlock(passphrase))) throw new Error(t.passphraseWrong)
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        attempt(unlock)
      }}
    >
      <Field type="password" autoComplete="current-password" label={t.passphrase} value={passphrase} onChange={setPassphrase} />
      <div className="buttons">
        <button type="submit" disabled={isBusy}>
          {isBusy ? t.working : t.unlock}
        </button>
      </div>
      {trouble !== undefined && <Trouble error={trouble} />}
    </form>
  )
}
