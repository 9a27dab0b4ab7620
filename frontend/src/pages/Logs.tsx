import { useEffect, useRef, useState } from 'react'

import { Choice } from '../parts/Choice'
import { Empty } from '../parts/Empty'
import { NoAnswer } from '../parts/Trouble'
import { strangersText } from '../format'
import { useFetched, useNode } from '../node/context'
import { useText } from '../text'

type Level = 'all' | 'warn' | 'error'

const WANTED: Record<Level, RegExp> = { all: /(?:)/, warn: /\b(?:WARN|ERROR)\b/, error: /\bERROR\b/ }

/** The end of the node's log, as it grows. */
export function Logs() {
  const { t } = useText()
  const { api } = useNode()
  const { answer: log, error } = useFetched(api.log, 3_000)
  const [level, setLevel] = useState<Level>('all')
  const [search, setSearch] = useState('')
  const box = useRef<HTMLPreElement>(null)
  const atEnd = useRef(true)
  const wanted = search.toLowerCase()
  const lines = log?.lines.filter((line) => WANTED[level].test(line) && line.toLowerCase().includes(wanted))
  useEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight
  }, [lines?.length, log])
  return (
    <>
      <h1 tabIndex={-1}>{t.logs}</h1>
      <div className="row spread">
        <Choice
          label={t.level}
          hideLabel
          value={level}
          onChange={setLevel}
          options={[
            ['all', t.showAll],
            ['warn', t.warnings],
            ['error', t.errors],
          ]}
        />
        <label style={{ flex: '1 1 14rem', maxWidth: '24rem' }}>
          <span className="visually-hidden">{t.filterLog}</span>
          <input type="search" value={search} placeholder={t.filterLog} onChange={({ target }) => setSearch(target.value)} />
        </label>
      </div>
      {!log && (error === undefined ? <p className="soft">{t.loading}</p> : <NoAnswer error={error} />)}
      {lines?.length === 0 && <Empty icon="logs" text={log?.lines.length === 0 ? t.nothingYet : t.nothingFound} />}
      {lines && lines.length > 0 && (
        <section className="card flush">
          <pre
            ref={box}
            className="log"
            tabIndex={0}
            aria-label={t.logs}
            onScroll={({ currentTarget: seen }) => {
              atEnd.current = seen.scrollHeight - seen.scrollTop - seen.clientHeight < 40
            }}
          >
            {lines.map((line, at) => (
              <div key={at} className={/\bERROR\b/.test(line) ? 'error' : /\bWARN\b/.test(line) ? 'warn' : undefined}>
                {strangersText(line)}
              </div>
            ))}
          </pre>
        </section>
      )}
    </>
  )
}
