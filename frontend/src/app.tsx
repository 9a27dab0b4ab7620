import { useCallback, useEffect, useState } from 'react'

import { PinKey } from './parts/PinKey'
import { Shell } from './parts/Shell'
import { Trouble } from './parts/Trouble'
import { Api, type Info } from './node/api'
import { NodeProvider } from './node/context'
import { pin, pinnedKey } from './node/pin'
import { Router } from './router'
import { useText } from './text'

const RETRY = 2000

export function App() {
  const { t } = useText()
  const [api] = useState(() => new Api(location.origin))
  const [info, setInfo] = useState<Info>()
  const [trouble, setTrouble] = useState<unknown>()
  const [known, setKnown] = useState(pinnedKey)

  const load = useCallback(() => {
    api.info().then(
      (answer) => {
        setInfo(answer)
        setTrouble(undefined)
      },
      setTrouble,
    )
  }, [api])
  useEffect(load, [load])
  useEffect(() => {
    if (trouble === undefined) return
    const timer = setTimeout(load, RETRY)
    return () => clearTimeout(timer)
  }, [trouble, load])

  if (!info) {
    return (
      <main className="lone">
        <h1>Zarnitsa</h1>
        {trouble !== undefined && (
          <>
            <p>{t.cannotReach}</p>
            <Trouble error={trouble} />
          </>
        )}
      </main>
    )
  }
  if (known !== info.validator_key) {
    const keep = (key: string) => {
      pin(key)
      setKnown(key)
    }
    return <PinKey known={known} shown={info.validator_key} onPin={keep} />
  }
  return (
    <NodeProvider api={api} info={info} validatorKey={known}>
      <Router>
        <Shell />
      </Router>
    </NodeProvider>
  )
}
