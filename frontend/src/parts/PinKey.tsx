import { useText } from '../text'
import { Icon } from './Icon'

/** Asks a person to vouch for the node's key: the first time, and loudly when it is another one. */
export function PinKey(props: { known: string | undefined; shown: string; onPin(key: string): void }) {
  const { t } = useText()
  const { known, shown, onPin } = props
  return (
    <main className={known ? 'lone changed' : 'lone'}>
      <section className="card stack">
        <h1 className="row">
          <Icon name={known ? 'warning' : 'key'} /> {known ? t.pinChanged : t.pinTitle}
        </h1>
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
        <div className="buttons">
          <button type="button" className={known ? 'danger' : undefined} onClick={() => onPin(shown)}>
            {known ? t.pinReplace : t.pinKeep}
          </button>
        </div>
      </section>
    </main>
  )
}
