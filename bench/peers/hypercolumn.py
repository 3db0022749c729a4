"""Times a linear classifier on explicit hypercolumns of SqueezeNet 1.1, one image, in eager PyTorch on the CPU, as a peer.

    python3 hypercolumn.py --threads 1 --steps 3 --warmup 1 --inputs FOLDER
    python3 hypercolumn.py --losses FOLDER     the mean probability of each class

Each prints one JSON object, the first with `peakMegabytes` of the process too. FOLDER is described in `exchange.py`;
its tensors are the `image`, float32 (1, 3, height, width), the weights of SqueezeNet as torchvision's layers are called,
and hypercolumn.weight (classes, channels, 1, 1) and hypercolumn.bias.

Five maps (conv1, fire3, fire5, fire7, fire9) are brought to every pixel, bilinearly between the middles of what their
cells see, joined, and classified by a convolution of 1x1. `--form plain` interpolates by grid_sample, which states the
places as they are; `--form tuned` by transposed convolutions by channel.
"""
import resource
import statistics

import conv_step
import exchange
import fcn_step
import measure

TAPS = (("conv1", 2), ("fire3", 4), ("fire5", 8), ("fire7", 16), ("fire9", 16))
# Where the cells of a stride stand: the pixel of the first one's centre.
CENTRES = {2: 1, 4: 3, 8: 7, 16: 15, 1: 0}


def main():
    args = measure.arguments("Explicit hypercolumns of SqueezeNet, forward.", learning_rate=0)
    folder = args.losses or args.inputs
    if not folder:
        raise SystemExit("give --inputs FOLDER or --losses FOLDER")
    import torch

    _, arrays = exchange.read(folder)
    named = {name: torch.from_numpy(array) for name, array in arrays.items()}
    image = named.pop("image")
    net = conv_step.Layers(named)
    fcn_step.CENTRES = CENTRES
    place = sampled if args.form == "plain" else fcn_step.upsample
    with torch.no_grad():
        if args.losses:
            means = classified(net, image, place).mean((0, 2, 3)).tolist()
            measure.print_json({"torch": torch.__version__, "losses": means})
            return
        for _ in range(args.warmup):
            classified(net, image, place)
        times = [measure.timed(lambda: classified(net, image, place)) for _ in range(args.steps or 3)]
    found = {"msPerStep": statistics.median(times), "minMs": min(times), "threads": args.threads}
    measure.print_json({**found, "peakMegabytes": peak_megabytes()})


def peak_megabytes():
    """Of this program alone: getrusage also counts what the process that started it had."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def classified(net, image, place):
    """Probabilities (1, classes, height, width)."""
    import torch
    import torch.nn.functional as F

    maps = taps(net, image)
    size = image.shape[2:]
    columns = torch.cat([place(x, stride, 1, size) for x, (_, stride) in zip(maps, TAPS)], 1)
    return F.softmax(net.conv("hypercolumn", columns), 1)


def sampled(x, stride, to, size):
    """As `fcn_step.upsample`, by the place of every pixel between the cells."""
    import torch
    import torch.nn.functional as F

    def places(count, cells):
        at = (torch.arange(count) * to + CENTRES[to] - CENTRES[stride]) / stride
        return 2 * at / (cells - 1) - 1

    rows, columns = (places(count, cells) for count, cells in zip(size, x.shape[2:]))
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)[None]
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=True)


def taps(net, x):
    """The maps of TAPS."""
    import torch
    import torch.nn.functional as F

    def fire(name, x):
        s = F.relu(net.conv(f"{name}.squeeze1x1", x))
        one = F.relu(net.conv(f"{name}.expand1x1", s))
        return torch.cat([one, F.relu(net.conv(f"{name}.expand3x3", s, pad=1))], 1)

    made = {"conv1": F.relu(net.conv("conv1", x, 2))}
    x = made["conv1"]
    for numbers in ((2, 3), (4, 5), (6, 7, 8, 9)):
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        for number in numbers:
            x = made[f"fire{number}"] = fire(f"fire{number}", x)
    return [made[name] for name, _ in TAPS]


if __name__ == "__main__":
    main()
