// It brings no types of its own: it only sets a global.
declare module 'regenerator-runtime/runtime.js'
