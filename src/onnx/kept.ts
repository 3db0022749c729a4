/**
 * What the graph does not model travels in `kept` fields as the wire format's own messages, emptied of what the
 * graph does model. Nothing else in Espalier looks inside.
 */
import {
  create,
  type DescMessage,
  isMessage,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';

/** `kept` as a message of this kind; null where it is absent or something else. */
export function keptAs<D extends DescMessage>(schema: D, kept: unknown): MessageShape<D> | null {
  return isMessage(kept, schema) ? kept : null;
}

/** A message with the fields of `kept` (shared, not copied), ready to be filled in; an empty one for null. */
export function startFrom<D extends DescMessage>(
  schema: D,
  kept: MessageShape<D> | null,
): MessageShape<D> {
  return Object.assign(create(schema), kept);
}

/** Whether the message says nothing. */
export function isBare<D extends DescMessage>(schema: D, message: MessageShape<D>): boolean {
  return toBinary(schema, message).length === 0;
}

/** Whether two messages are written as the same bytes. */
export function sameMessage<D extends DescMessage>(
  schema: D,
  a: MessageShape<D>,
  b: MessageShape<D>,
): boolean {
  const first = toBinary(schema, a);
  const second = toBinary(schema, b);
  return first.length === second.length && first.every((byte, i) => byte === second[i]);
}
