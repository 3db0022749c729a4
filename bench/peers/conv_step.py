"""Times one training step of a convolutional classifier in eager PyTorch on the CPU, as a peer.

SGD with momentum 0.9, softmax cross entropy, batch normalisation with the batch's statistics.

    python3 conv_step.py --threads 1 --steps 10 --warmup 2 --inputs FOLDER
    python3 conv_step.py --losses FOLDER [--steps K]     the losses from given inputs

Each prints one JSON object. FOLDER is described in `exchange.py`; its manifest names the `network`
(vgg, resnet20 or squeezenet), and its tensors are

    <layer>.weight, <layer>.bias      as torch.nn names them
    image            (n, channels, height, width)
    espalier.labels  (n)              class ids
    keep             of the shape that dropout sees: 1 where an element stays (squeezenet alone)

The last three have an axis of steps in front. `--form tuned` lays images and weights out with their
channels last, which is what PyTorch's own guide advises for the CPU.
"""
import exchange
import measure

GIVEN = ("image", "espalier.labels", "keep")


def main():
    args = measure.arguments("A step of a convolutional network.", learning_rate=0.01)
    folder = args.losses or args.inputs
    if not folder:
        raise SystemExit("give --inputs FOLDER or --losses FOLDER")
    measure.print_json(replay(args, folder) if args.losses else benchmark(args, folder))


def benchmark(args, folder):
    _, parameters, step = prepare(args, folder, draws=True)
    return measure.time_steps(args, step, sgd(parameters, args), "none")


def replay(args, folder):
    import torch

    manifest, parameters, step = prepare(args, folder, draws=False)
    optimizer = sgd(parameters, args)
    steps = args.steps or manifest["steps"]
    losses = [measure.update(optimizer, step, k).item() for k in range(steps)]
    return {"torch": torch.__version__, "threads": args.threads, "losses": losses, "steps": steps}


def sgd(parameters, args):
    import torch

    return torch.optim.SGD(parameters, lr=args.learning_rate, momentum=0.9)


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
    batches = [placed(image) for image in given["image"]]
    network = {"vgg": vgg, "resnet20": resnet20, "squeezenet": squeezenet}[manifest["network"]]
    net = Layers(p)

    def step(k):
        at = k % len(batches)
        net.keep = None if draws or "keep" not in given else given["keep"][at]
        labels = given["espalier.labels"][at].long()
        return F.cross_entropy(network(net, batches[at]), labels)

    return manifest, list(p.values()), step


class Layers:
    """Layers by the names of their parameters."""

    def __init__(self, parameters):
        self.p, self.running, self.keep = parameters, {}, None

    def conv(self, name, x, stride=1, pad=0):
        import torch.nn.functional as F

        return F.conv2d(x, self.p[f"{name}.weight"], self.p.get(f"{name}.bias"), stride, pad)

    def norm(self, name, x):
        import torch
        import torch.nn.functional as F

        channels = x.shape[1]
        if name not in self.running:
            self.running[name] = (torch.zeros(channels), torch.ones(channels))
        mean, var = self.running[name]
        weight, bias = self.p[f"{name}.weight"], self.p[f"{name}.bias"]
        return F.batch_norm(x, mean, var, weight, bias, training=True, momentum=0.1, eps=1e-5)

    def linear(self, name, x):
        import torch.nn.functional as F

        return F.linear(x, self.p[f"{name}.weight"], self.p[f"{name}.bias"])

    def dropout(self, x):
        import torch.nn.functional as F

        return F.dropout(x, 0.5) if self.keep is None else x * 2 * self.keep


def vgg(net, x):
    import torch.nn.functional as F

    conv = lambda name, x: F.relu(net.conv(name, x, pad=1))
    x = F.max_pool2d(conv("conv1", conv("conv0", x)), 2)
    x = F.max_pool2d(conv("conv3", conv("conv2", x)), 2)
    return net.linear("top", conv("conv4", x).flatten(1))


def resnet20(net, x):
    import torch.nn.functional as F

    x = F.relu(net.norm("bn1", net.conv("conv1", x, pad=1)))
    for stage in (1, 2, 3):
        for i in range(3):
            name, stride = f"layer{stage}.{i}", 2 if stage > 1 and i == 0 else 1
            y = F.relu(net.norm(f"{name}.bn1", net.conv(f"{name}.conv1", x, stride, pad=1)))
            y = net.norm(f"{name}.bn2", net.conv(f"{name}.conv2", y, pad=1))
            if stride == 2:
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, x.shape[1]))
            x = F.relu(y + x)
    return net.linear("fc", x.mean((2, 3)))


def squeezenet(net, x):
    import torch
    import torch.nn.functional as F

    def fire(name, x):
        s = F.relu(net.conv(f"{name}.squeeze1x1", x))
        one = F.relu(net.conv(f"{name}.expand1x1", s))
        return torch.cat([one, F.relu(net.conv(f"{name}.expand3x3", s, pad=1))], 1)

    x = F.relu(net.conv("conv1", x, 2))
    for numbers in ((2, 3), (4, 5), (6, 7, 8, 9)):
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        for number in numbers:
            x = fire(f"fire{number}", x)
    return F.relu(net.conv("conv10", net.dropout(x))).mean((2, 3))


if __name__ == "__main__":
    main()
