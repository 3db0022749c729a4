/** Images as EXIF says they are to be looked at, on top of rows as the file stores them. */

/** A rectangle of pixels. */
export interface Rectangle {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/**
 * How an EXIF orientation of 1 to 8 is undone: first mirrored along the stored axes, then, from 5 on, rows and columns
 * exchanged (CIPA DC-008, tag 274).
 */
const orientations = [
  { transpose: false, flipRows: false, flipColumns: false },
  { transpose: false, flipRows: false, flipColumns: true },
  { transpose: false, flipRows: true, flipColumns: true },
  { transpose: false, flipRows: true, flipColumns: false },
  { transpose: true, flipRows: false, flipColumns: false },
  { transpose: true, flipRows: true, flipColumns: false },
  { transpose: true, flipRows: true, flipColumns: true },
  { transpose: true, flipRows: false, flipColumns: true },
] as const;

/** What lies between the stored pixels and those that are looked at. */
export interface Turn {
  /** Whether rows and columns are exchanged. */
  readonly transposes: boolean;
  /** Where a rectangle is stored. */
  stored(rectangle: Rectangle): Rectangle;
  /** The place of a pixel among those stored of `rectangle`, row by row. */
  indexIn(rectangle: Rectangle, row: number, column: number): number;
}

/**
 * @param orientation 1 to 8; 1 where a file says nothing
 * @param rows of the stored image
 * @param columns of the stored image
 */
export function turnOf(orientation: number, rows: number, columns: number): Turn {
  const { transpose, flipRows, flipColumns } = orientations[orientation - 1] ?? orientations[0];
  return {
    transposes: transpose,
    stored({ top, left, height, width }) {
      const [first, second] = transpose ? [left, top] : [top, left];
      const size = transpose ? { height: width, width: height } : { height, width };
      return {
        ...size,
        top: flipRows ? rows - first - size.height : first,
        left: flipColumns ? columns - second - size.width : second,
      };
    },
    indexIn({ height, width }, row, column) {
      const [first, second] = transpose ? [column, row] : [row, column];
      const [r, c] = transpose ? [width, height] : [height, width];
      return (flipRows ? r - 1 - first : first) * c + (flipColumns ? c - 1 - second : second);
    },
  };
}
