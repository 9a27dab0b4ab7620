import { useText } from '../text'

/** Asks a person to vouch for the node's key: the first time, and loudly when it is another one. */
export function PinKey(props: { known: string | undefined; shown: string; onPin(key: string): void }) {
  const { t } = useText()
  const { known, shown, onPin } = props
  return (
    <main className={known ? 'pin changed' : 'pin'}>
      <h1>{known ? t.pinChanged : t.pinTitle}</h1>
      <p role={known ? 'alert' : undefined}>{known ? t.pinChangedText : t.pinText}</p>
      <dl className="hashes">
        {known && (
          <>
            <dt>{t.oldKey}</dt>
            <dd>{known}</dd>
          </>
        )}
        <dt>{t.newKey}</dt>
        <dd>{shown}</dd>
      </dl>
      <button type="button" onClick={() => onPin(shown)}>
        {known ? t.pinReplace : t.pinKeep}
      </button>
    </main>
  )
}
