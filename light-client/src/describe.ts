/** Any message of the schemas as names and texts, for people: bytes as hex, amounts whole, enums by their words. */

import { ScalarType, type DescField, type DescMessage, type Message } from '@bufbuild/protobuf'
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect'

import { toHex, toTxid } from './hex.js'

/** A field that is set. */
export interface Described {
  name: string
  /** A text, or the fields of the message that stands there. */
  value: string | Described[]
}

/** Every field of the message that is set, in the schema's order. */
export function describe(schema: DescMessage, message: Message): Described[] {
  return fieldsOf(reflect(schema, message))
}

function fieldsOf(message: ReflectMessage): Described[] {
  return message.fields.filter((field) => message.isSet(field)).flatMap((field) => describeField(message, field))
}

function describeField(message: ReflectMessage, field: DescField): Described[] {
  const name = field.name
  switch (field.fieldKind) {
    case 'scalar':
      return [{ name, value: scalar(field.scalar, name, message.get(field)) }]
    case 'enum':
      return [{ name, value: enumWord(field.enum, message.get(field)) }]
    case 'message':
      return [{ name, value: nested(message.get(field)) }]
    case 'list': {
      const values = [...message.get(field)]
      return values.map((value, at) => ({ name: `${name}[${at}]`, value: listed(field, name, value) }))
    }
    case 'map':
      // The schemas have none: stored bytes are hashed, and a map's order is not defined.
      return []
  }
}

function listed(field: DescField & { fieldKind: 'list' }, name: string, value: unknown): string | Described[] {
  switch (field.listKind) {
    case 'scalar':
      return scalar(field.scalar, name, value)
    case 'enum':
      return enumWord(field.enum, value as number)
    case 'message':
      return nested(value as ReflectMessage)
  }
}

/** A hash or key is a message of one field: shown as that field. */
function nested(message: ReflectMessage): string | Described[] {
  const fields = fieldsOf(message)
  const [only] = fields
  return fields.length === 1 && only?.name === 'data' ? only.value : fields
}

function scalar(kind: ScalarType, name: string, value: unknown): string {
  if (kind !== ScalarType.BYTES) return String(value)
  return /(?:^|_)txid$/.test(name) ? toTxid(value as Uint8Array) : toHex(value as Uint8Array)
}

function enumWord(desc: (DescField & { fieldKind: 'enum' })['enum'], value: number): string {
  const name = desc.value[value]?.localName ?? String(value)
  return name.toLowerCase()
}
