import { useEffect, useState } from 'react'

import { shorten, strangersText } from '../format'
import { useNode } from '../node/context'

const NOBODY: ReadonlyMap<string, string> = new Map()

/** A node by the name that it gives itself; by its id where it has told none. Anybody can take any name: the id stays. */
export function PeerName({ nodeId }: { nodeId: string }) {
  const { api } = useNode()
  const [names, setNames] = useState(NOBODY)
  useEffect(() => {
    let isCurrent = true
    api.names().then(
      (known) => isCurrent && setNames(known),
      () => undefined,
    )
    return () => {
      isCurrent = false
    }
  }, [api])
  const name = strangersText(names.get(nodeId) ?? '').trim()
  return (
    <>
      {name !== '' && <>{name} </>}
      <code title={nodeId}>{shorten(nodeId)}</code>
    </>
  )
}
