/** Whether `value` is a Uint8Array, of any realm: a Buffer is one, a test runner's sandbox brings its own. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || (ArrayBuffer.isView(value) && value.constructor.name === 'Uint8Array');
}
