/** Texts on plots. */

/** The text, or its beginning and an ellipsis, in at most `length` characters. */
export function cut(text: string, length: number): string {
  const characters = Array.from(text);
  return characters.length <= length
    ? text
    : `${characters
        .slice(0, length - 1)
        .join('')
        .trimEnd()}…`;
}

/** 0.0123 becomes `1.2 %`; what is not 0 is never written as 0. */
export function percent(share: number): string {
  const text = (100 * share).toFixed(1);
  return share > 0 && text === '0.0' ? '<0.1 %' : `${text} %`;
}
