// Stands in for axios in the bundle: exonum-client's own sender is never used, see submit.ts.
export default {
  get() {
    throw new Error('requests are sent by fetch')
  },
}
