/** Names what a file is that was taken for an ONNX model and is not, so that the error can say so. */

const signatures: readonly [name: string, offset: number, bytes: readonly number[]][] = [
  ['a PNG image', 0, [0x89, 0x50, 0x4e, 0x47]],
  ['a JPEG image', 0, [0xff, 0xd8, 0xff]],
  ['a zip archive, such as PyTorch and NumPy write', 0, [0x50, 0x4b, 0x03, 0x04]],
  ['a gzip file: decompress it', 0, [0x1f, 0x8b]],
  ['a Python pickle', 0, [0x80, 0x02]],
  ['an HDF5 file, such as Keras writes', 0, [0x89, 0x48, 0x44, 0x46]],
  // Both are FlatBuffers: a small offset, then four letters.
  ['a TensorFlow Lite model', 2, [0, 0, 0x54, 0x46, 0x4c, 0x33]],
  [
    'a model in the ORT format: use the .onnx file that it came from',
    2,
    [0, 0, 0x4f, 0x52, 0x54, 0x4d],
  ],
];

/** What `bytes` look like, in words that follow "it looks like"; null where nothing is recognised. */
export function recognizeFormat(bytes: Uint8Array): string | null {
  if (bytes.length === 0) return 'an empty file';
  for (const [name, offset, signature] of signatures)
    if (signature.every((byte, i) => bytes[offset + i] === byte)) return name;
  const start = bytes.subarray(0, 256);
  if (!start.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13)) return null;
  const text = new TextDecoder().decode(start).trimStart();
  if (text.startsWith('version https://git-lfs'))
    return 'a Git LFS pointer: fetch the file itself with "git lfs pull"';
  return text.startsWith('<') ? 'a web page (HTML or XML)' : 'a text file';
}
