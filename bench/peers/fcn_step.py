"""Times one training step of FCN-8s or FCN-4s on SqueezeNet 1.1 in eager PyTorch on the CPU, as a peer.

SGD with momentum 0.9, softmax cross entropy over the pixels that are not 255. The scores of the maps are summed and
brought to the pixels by transposed convolutions with fixed bilinear kernels, channel by channel.

    python3 fcn_step.py --threads 1 --steps 10 --warmup 2 --inputs FOLDER
    python3 fcn_step.py --losses FOLDER [--steps K]     the losses from given inputs

Each prints one JSON object. FOLDER is described in `exchange.py`; its manifest names the `finest` stride that is
scored, and its tensors are

    <layer>.weight, <layer>.bias    as torch.nn names them; score_16.weight, score_8.weight ... of the score layers
    image     (n, 3, height, width)
    labels    (n, height, width)    class ids, 255 where void
    keep      of the shape of fire9's output: 1 where dropout keeps an element

The last three have an axis of steps in front. `--form tuned` lays images and weights out with their channels last.
"""
import math

import conv_step
import exchange
import measure

GIVEN = ("image", "labels", "keep")
# Where the cells of SqueezeNet's maps stand: stride -> pixel of the first cell's centre.
CENTRES = {16: 15, 8: 7, 4: 3, 1: 0}


def main():
    args = measure.arguments("A step of FCN-8s on SqueezeNet.", learning_rate=0.001)
    folder = args.losses or args.inputs
    if not folder:
        raise SystemExit("give --inputs FOLDER or --losses FOLDER")
    measure.print_json(replay(args, folder) if args.losses else benchmark(args, folder))


def benchmark(args, folder):
    _, parameters, step = prepare(args, folder, draws=True)
    return measure.time_steps(args, step, conv_step.sgd(parameters, args), "none")


def replay(args, folder):
    import torch

    manifest, parameters, step = prepare(args, folder, draws=False)
    optimizer = conv_step.sgd(parameters, args)
    steps = args.steps or manifest["steps"]
    losses = [measure.update(optimizer, step, k).item() for k in range(steps)]
    return {"torch": torch.__version__, "threads": args.threads, "losses": losses, "steps": steps}


def prepare(args, folder, draws):
    """Returns (manifest, parameters, step(k) -> loss). `draws`: dropout draws its own mask."""
    import torch
    import torch.nn.functional as F

    manifest, arrays = exchange.read(folder)
    layout = torch.channels_last if args.form == "tuned" else torch.contiguous_format
    placed = lambda t: t.contiguous(memory_format=layout) if t.dim() == 4 else t
    named = {name: torch.from_numpy(array) for name, array in arrays.items()}
    given = {name: named.pop(name) for name in GIVEN if name in named}
    p = {name: torch.nn.Parameter(placed(t.clone())) for name, t in named.items()}
    images = [placed(image) for image in given["image"]]
    labels = [each.long() for each in given["labels"]]
    net = conv_step.Layers(p)

    def step(k):
        at = k % len(images)
        net.keep = None if draws or "keep" not in given else given["keep"][at]
        scores = fcn(net, images[at], manifest["finest"])
        return F.cross_entropy(scores, labels[at], ignore_index=255)

    return manifest, list(p.values()), step


def fcn(net, image, finest):
    """Scores (n, classes, height, width)."""
    maps = squeezenet_maps(net, image)
    stride = 16
    scores = net.conv("score_16", net.dropout(maps[16]))
    while stride > finest:
        fine = net.conv(f"score_{stride // 2}", maps[stride // 2])
        scores = fine + upsample(scores, stride, stride // 2, fine.shape[2:])
        stride //= 2
    return upsample(scores, stride, 1, image.shape[2:])


def squeezenet_maps(net, x):
    """The last map of each stride."""
    import torch
    import torch.nn.functional as F

    def fire(name, x):
        s = F.relu(net.conv(f"{name}.squeeze1x1", x))
        one = F.relu(net.conv(f"{name}.expand1x1", s))
        return torch.cat([one, F.relu(net.conv(f"{name}.expand3x3", s, pad=1))], 1)

    maps = {}
    x = F.relu(net.conv("conv1", x, 2))
    for stride, numbers in ((4, (2, 3)), (8, (4, 5)), (16, (6, 7, 8, 9))):
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        for number in numbers:
            x = fire(f"fire{number}", x)
        maps[stride] = x
    return maps


kernels = {}


def upsample(x, stride, to, size):
    """Bilinearly, the last cells copied outwards, to the cells of the finer map."""
    import torch
    import torch.nn.functional as F

    factor = stride // to
    shift = (CENTRES[to] - CENTRES[stride]) / to
    before = max(0, math.ceil(-shift / factor))
    after = [max(0, math.ceil((n - 1 + shift) / factor) - m + 1) for n, m in zip(size, x.shape[2:])]
    first = math.ceil(shift + factor - 1)
    centre = first - shift
    first += factor * before
    key = (factor, centre, x.shape[1])
    if key not in kernels:
        taps = [max(0.0, 1 - abs(t - centre) / factor) for t in range(math.ceil(centre + factor))]
        one = torch.outer(torch.tensor(taps), torch.tensor(taps))
        kernels[key] = one.expand(x.shape[1], 1, -1, -1).contiguous()
    padded = F.pad(x, (before, after[1], before, after[0]), mode="replicate")
    y = F.conv_transpose2d(padded, kernels[key], stride=factor, groups=x.shape[1])
    return y[:, :, first : first + size[0], first : first + size[1]]


if __name__ == "__main__":
    main()
