"""The folder in which two implementations hand each other a step's inputs.

A folder holds `manifest.json` and one raw file:

    {"format": "espalier-exchange-1", "file": "tensors.bin", "steps": 3, "noiseStd": 0.3,
     "tensors": [{"name": "encoder.0.W", "dims": [1000, 784], "offset": 0}, ...]}

Every tensor is float32, little endian, C order, without gaps inside; `offset` counts bytes from the
start of the file. Class ids are float32 too, exact up to 2**24. `steps` and `noiseStd` are
optional.

A tensor that differs from step to step (a batch, a noise) may carry one axis more in front, the
step: step k then reads entry k modulo that axis. Without it, every step reads the same.
Which names there are is said at the top of `ladder_step.py` and `mlp_step.py`.
"""
import json
from pathlib import Path

# NumPy is imported inside the functions: it starts its BLAS, whose threads `measure` sets first.
FORMAT = "espalier-exchange-1"


def manifest_path(where):
    """The manifest's path, given itself or its folder."""
    path = Path(where)
    return path / "manifest.json" if path.is_dir() else path


def read(where):
    """Returns (manifest, {name: float32 numpy array}); `where` is a folder or its manifest."""
    import numpy

    path = manifest_path(where)
    manifest = json.loads(path.read_text())
    if manifest.get("format") != FORMAT:
        raise SystemExit(f"{path}: unknown format {manifest.get('format')!r}, expected {FORMAT!r}")
    raw = numpy.fromfile(path.parent / manifest["file"], dtype="<f4")
    arrays = {}
    for entry in manifest["tensors"]:
        start, dims = entry["offset"] // 4, tuple(entry["dims"])
        stop = start + int(numpy.prod(dims, dtype=numpy.int64))
        if entry["offset"] % 4 or stop > raw.size:
            raise SystemExit(f"{path}: invalid offset or dims of {entry['name']}, got {entry}")
        arrays[entry["name"]] = raw[start:stop].reshape(dims).astype(numpy.float32)
    return manifest, arrays


def write(where, arrays, **fields):
    """Writes {name: array} to the folder `where`; `fields` go into the manifest."""
    import numpy

    folder = Path(where)
    folder.mkdir(parents=True, exist_ok=True)
    tensors, offset = [], 0
    with open(folder / "tensors.bin", "wb") as file:
        for name, array in arrays.items():
            data = numpy.ascontiguousarray(array, dtype="<f4")
            tensors.append({"name": name, "dims": list(data.shape), "offset": offset})
            file.write(data.tobytes())
            offset += data.nbytes
    manifest = {"format": FORMAT, "file": "tensors.bin", **fields, "tensors": tensors}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def at_step(array, rank, step):
    """What `step` reads of a tensor whose rank is `rank` when it has no axis of steps."""
    return array[step % len(array)] if array.ndim == rank + 1 else array
