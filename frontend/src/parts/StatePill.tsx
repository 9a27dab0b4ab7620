import { useText, type Text } from '../text'

const TONES: Record<string, 'good' | 'wait' | 'bad' | ''> = {
  normal: 'good',
  succeeded: 'good',
  paid: 'good',
  open: '',
  closed: '',
  cancelled: '',
  expired: '',
  opening: 'wait',
  awaiting_confirmations: 'wait',
  awaiting_peer_ready: 'wait',
  offline: 'wait',
  shutting_down: 'wait',
  closing: 'wait',
  pending: 'wait',
  accepted: 'wait',
  held: 'wait',
  failed: 'bad',
}

/** Where a channel, payment or invoice stands, in words and a colour. */
export function StatePill({ state }: { state: string }) {
  const { t } = useText()
  return <span className={`pill ${TONES[state] ?? ''}`}>{stateWord(t, state)}</span>
}

/** The state's name for people; a state that this page does not know keeps its own. */
export function stateWord(t: Text, state: string): string {
  const words: Record<string, string> = t.states
  return words[state] ?? state
}
