"""Times black-box attacks on a ResNet-20 in eager PyTorch on the CPU, as a peer.

    python3 attack.py --attack faithful --threads 1 --inputs FOLDER
    python3 attack.py --attack sharp --form tuned --threads 2 --inputs FOLDER

Prints one JSON object: the milliseconds, queries and changed pixels of each image. FOLDER is described in `exchange.py`; its
tensors are `images` (count, 3, 32, 32) in units of 8-bit values, `labels` (count), the weights `conv.0.weight` to
`conv.18.bias` and `linear.weight`, `linear.bias`, `mean` and `std`, and what the attacks draw:

    faithful.first  (count, n)               pixels that the first round looks at
    sharp.first     (count, n)               the same; -1 where there are fewer
    sharp.noise     (count, rounds, pixels)  standard normal numbers, by round and place in the list of pixels

The manifest has the attacks' settings, as `src/methods/attack/locsearch.ts` and `sharp.ts` name them, those of the second
which both have as `t.sharp` and `rounds.sharp`. `--form plain` asks
about the candidates of a round in one batch; `--form tuned` in batches of the size that answered fastest, measured first.
"""
import argparse
import os
import time


def main():
    args = arguments()
    import numpy
    import torch

    import exchange
    import measure

    torch.set_num_threads(args.threads)
    manifest, arrays = exchange.read(args.inputs)
    box = Box(arrays, torch)
    if args.form == "tuned":
        box.most = fastest(box)
    attack = {"faithful": faithful, "sharp": sharp}[args.attack]
    count = min(args.steps or len(arrays["images"]), len(arrays["images"]))
    found = {"milliseconds": [], "queries": [], "pixels": []}
    with torch.inference_mode():
        for i in list(range(min(args.warmup, count))) + list(range(count)):
            image, label = arrays["images"][i], int(arrays["labels"][i])
            draws = {name.split(".")[1]: array[i] for name, array in arrays.items() if name.startswith(args.attack)}
            box.queries = 0
            begun = time.perf_counter()
            clean = box.ask(image[None])[0]
            result = attack(box, image, label, clean, draws, manifest, numpy)
            judged = numpy.floor(numpy.clip(result, 0, 255) + 0.5)
            box.ask(judged[None])
            spent = 1e3 * (time.perf_counter() - begun)
            found["milliseconds"].append(spent)
            found["queries"].append(box.queries)
            found["pixels"].append(int((judged != image).any(0).sum()))
    skipped = min(args.warmup, count)
    measure.print_json({"torch": torch.__version__, "batch": box.most, **{k: v[skipped:] for k, v in found.items()}})


def arguments():
    parser = argparse.ArgumentParser(description="Black-box attacks on a ResNet-20.")
    parser.add_argument("--attack", choices=["faithful", "sharp"], default="faithful")
    parser.add_argument("--form", choices=["plain", "tuned"], default="plain")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, help="images (all)")
    parser.add_argument("--warmup", type=int, default=1, help="images before the clock starts")
    parser.add_argument("--inputs", required=True)
    args = parser.parse_args()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(args.threads)
    if args.form == "tuned":
        os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    return args


class Box:
    """The network, asked about images in units of 8-bit values; counts what it answers."""

    def __init__(self, arrays, torch):
        self.torch = torch
        self.weights = {k: torch.from_numpy(v) for k, v in arrays.items() if k.startswith(("conv", "linear"))}
        self.mean = torch.from_numpy(arrays["mean"]).reshape(1, 3, 1, 1)
        self.std = torch.from_numpy(arrays["std"]).reshape(1, 3, 1, 1)
        self.queries = 0
        self.most = None

    def forward(self, x):
        functional = self.torch.nn.functional
        number = 0

        def conv(x, stride=1):
            nonlocal number
            name = f"conv.{number}"
            number += 1
            return functional.conv2d(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], stride, 1)

        x = functional.relu(conv((x / 255 - self.mean) / self.std))
        for width in (16, 16, 16, 32, 32, 32, 64, 64, 64):
            before, stride = x, 1
            if x.shape[1] != width:
                more = (width - x.shape[1]) // 2
                before, stride = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more, more)), 2
            x = conv(functional.relu(conv(x, stride)))
            x = functional.relu(x + before)
        return functional.linear(x.mean((2, 3)), self.weights["linear.weight"], self.weights["linear.bias"])

    def ask(self, rows):
        """Log-probabilities (n, classes) of a NumPy array (n, 3, height, width)."""
        self.queries += len(rows)
        images = self.torch.from_numpy(rows)
        parts = images.split(self.most) if self.most else [images]
        logits = self.torch.cat([self.forward(part) for part in parts])
        return self.torch.log_softmax(logits.double(), 1).numpy()


def fastest(box):
    """The batch size that answers an image fastest."""
    import numpy

    best = {}
    with box.torch.inference_mode():
        for size in (8, 16, 32, 64, 128):
            rows = numpy.zeros((size, 3, 32, 32), dtype=numpy.float32)
            box.ask(rows)
            times = []
            for _ in range(5):
                begun = time.perf_counter()
                box.ask(rows)
                times.append((time.perf_counter() - begun) / size)
            best[size] = min(times)
    return min(best, key=best.get)


def margin_of(logs, label):
    """How far the true class is ahead of every other."""
    import numpy

    others = numpy.delete(logs, label, axis=-1)
    return logs[..., label] - others.max(-1)


def faithful(box, image, label, clean, draws, settings, numpy):
    """LocSearchAdv on [-0.5, 0.5] with p fixed, an image rounded to 8 bits after every round."""
    p, r, d, t = (settings[name] for name in ("p", "r", "d", "t"))
    _, height, width = image.shape
    current = image.copy()
    last = numpy.full(height * width, -(10**9))
    candidates = draws["first"].astype(numpy.int64)
    for turn in range(1, int(settings["rounds"]) + 1):
        rows = numpy.repeat(current[None], len(candidates), axis=0)
        ys, xs = candidates // width, candidates % width
        at = numpy.arange(len(candidates))
        values = current[:, ys, xs].T.astype(numpy.float64) / 255 - 0.5
        rows[at, :, ys, xs] = 255 * (p * numpy.sign(values) + 0.5)
        scores = numpy.exp(box.ask(rows)[:, label]).astype(numpy.float32)
        chosen = candidates[numpy.argsort(scores, kind="stable")[: int(t)]]
        ys, xs = chosen // width, chosen % width
        turned = r * (current[:, ys, xs].astype(numpy.float64) / 255 - 0.5)
        turned = numpy.where(turned < -0.5, turned + 1, numpy.where(turned > 0.5, turned - 1, turned))
        current[:, ys, xs] = numpy.floor((255 * (turned + 0.5)).astype(numpy.float32) + 0.5)
        last[chosen] = turn
        if margin_of(box.ask(current[None])[0], label) < 0:
            break
        near = numpy.zeros((height, width), dtype=bool)
        for y, x in zip(ys, xs):
            near[max(0, y - d) : y + d + 1, max(0, x - d) : x + d + 1] = True
        free = near.reshape(-1) & (last + settings["exclusion"] < turn + 1)
        candidates = numpy.flatnonzero(free)
        if len(candidates) == 0:
            raise SystemExit("every neighbour is excluded: no draw was exchanged for that")
    return current


def sharp(box, image, label, clean, draws, settings, numpy):
    """The farthest corners, chosen by margins and a map of gains."""
    _, height, width = image.shape
    corner = numpy.where(image < 128, 255, 0).astype(numpy.float32)
    known = GainMap(height, width, settings, numpy)
    current, margin = image.copy(), margin_of(clean, label)
    changed, gains = set(), {}
    candidates = [int(pixel) for pixel in draws["first"] if pixel >= 0]

    def ask(sets):
        rows = numpy.repeat(current[None], len(sets), axis=0)
        for row, pixels in zip(rows, sets):
            for pixel in pixels:
                row[:, pixel // width, pixel % width] = corner[:, pixel // width, pixel % width]
        return margin_of(box.ask(rows), label)

    def change(pixels):
        for pixel in pixels:
            current[:, pixel // width, pixel % width] = corner[:, pixel // width, pixel % width]
            changed.add(pixel)
            gains.pop(pixel, None)

    for turn in range(1, int(settings["rounds.sharp"]) + 1):
        if turn > 1:
            free = numpy.ones(height * width, dtype=bool)
            free[list(changed) + list(gains)] = False
            if not free.any():
                gains.clear()
                free[:] = True
                free[list(changed)] = False
            noise = draws["noise"][turn - 1]
            candidates = known.choose(numpy.flatnonzero(free), int(settings["candidates"]), noise)
        alone = ask([[pixel] for pixel in candidates])
        measured = margin - alone
        for pixel, gain in zip(candidates, measured):
            known.learn(pixel, gain)
        best = int(measured.argmax())
        if (alone < 0).any():
            change([candidates[best if alone[best] < 0 else int((alone < 0).argmax())]])
            break
        gains.update(zip(candidates, measured))
        order = sorted(gains.items(), key=lambda item: -item[1])[: int(settings["t.sharp"])]
        chosen = [pixel for i, (pixel, gain) in enumerate(order) if i == 0 or gain > 0]
        # One pixel of this round has been asked about.
        together = alone[candidates.index(chosen[0])] if len(chosen) == 1 and chosen[0] in candidates else ask([chosen])[0]
        joint = together <= alone[best]
        margin = together if joint else alone[best]
        change(chosen if joint else [candidates[best]])
        for pixel in gains:
            gains[pixel] *= settings["memory"]
        if joint and together < 0:
            break
    return current


class GainMap:
    """A kernel average of measured gains, and how little is known elsewhere."""

    def __init__(self, height, width, settings, numpy):
        self.numpy, self.width = numpy, width
        self.prior, self.curiosity = settings["prior"], settings["curiosity"]
        reach = settings["reach"] * min(height, width)
        ys, xs = numpy.arange(height)[:, None], numpy.arange(width)[None, :]
        kernel = lambda apart: numpy.exp(-(apart**2) / (2 * reach**2)) * (abs(apart) <= numpy.ceil(3 * reach))
        self.rows = kernel(ys - ys.T)
        self.columns = kernel(xs - xs.T)
        self.gains = numpy.zeros((height, width))
        self.weights = numpy.zeros((height, width))
        self.squares = self.count = 0

    def learn(self, pixel, gain):
        weight = self.rows[pixel // self.width][:, None] * self.columns[pixel % self.width][None, :]
        self.gains += weight * gain
        self.weights += weight
        self.squares += gain**2
        self.count += 1

    def choose(self, pixels, count, noise):
        """The `count` of `pixels` with the largest draws of what their gain may be."""
        deviation = (self.squares / self.count) ** 0.5 or 1
        weight = self.weights.reshape(-1)[pixels]
        average = self.gains.reshape(-1)[pixels] / (weight + self.prior)
        drawn = (noise[: len(pixels)] * (self.curiosity * deviation)).astype(self.numpy.float32)
        hopes = average + drawn / self.numpy.sqrt(1 + weight / self.prior)
        return [int(pixel) for pixel in pixels[self.numpy.argsort(-hopes, kind="stable")[:count]]]


if __name__ == "__main__":
    main()
