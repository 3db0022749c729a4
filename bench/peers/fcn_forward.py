"""Times the forward pass of FCN-8s on VGG16 over one image in eager PyTorch on the CPU, as a peer.

    python3 fcn_forward.py --threads 1 --steps 3 --warmup 1 --inputs FOLDER
    python3 fcn_forward.py --losses FOLDER     the mean probability of each class

Each prints one JSON object. FOLDER is described in `exchange.py`; its tensors are the `image`, float32
(1, 3, height, width), and the weights as torchvision names them, those of fully connected layers as kernels, with
score_32.weight, score_16.weight and score_8.weight beside them. `--form tuned` has channels last.
"""
import statistics

import conv_step
import exchange
import fcn_step
import measure

# Where the cells of VGG16's maps stand; its fully connected layers are padded so as to keep the map's size.
CENTRES = {32: 15.5, 16: 7.5, 8: 3.5, 1: 0}


def main():
    args = measure.arguments("FCN-8s on VGG16, forward.", learning_rate=0)
    folder = args.losses or args.inputs
    if not folder:
        raise SystemExit("give --inputs FOLDER or --losses FOLDER")
    import torch

    _, arrays = exchange.read(folder)
    layout = torch.channels_last if args.form == "tuned" else torch.contiguous_format
    placed = lambda t: t.contiguous(memory_format=layout) if t.dim() == 4 else t
    named = {name: placed(torch.from_numpy(array)) for name, array in arrays.items()}
    image = named.pop("image")
    net = conv_step.Layers(named)
    fcn_step.CENTRES = CENTRES
    with torch.no_grad():
        if args.losses:
            means = fcn(net, image).mean((0, 2, 3)).tolist()
            measure.print_json({"torch": torch.__version__, "losses": means})
            return
        for _ in range(args.warmup):
            fcn(net, image)
        times = [measure.timed(lambda: fcn(net, image)) for _ in range(args.steps or 3)]
    measure.print_json({"msPerStep": statistics.median(times), "minMs": min(times), "threads": args.threads})


def fcn(net, image):
    """Probabilities (1, classes, height, width)."""
    import torch.nn.functional as F

    x, at, pools = image, 0, []
    for count in (2, 2, 3, 3, 3):
        for _ in range(count):
            x = F.relu(net.conv(f"features.{at}", x, pad=1))
            at += 2
        x = F.max_pool2d(x, 2)
        at += 1
        pools.append(x)
    x = F.relu(net.conv("classifier.0", x, pad=3))
    scores = net.conv("score_32", F.relu(net.conv("classifier.3", x)))
    for stride, pool in ((16, pools[3]), (8, pools[2])):
        fine = net.conv(f"score_{stride}", pool)
        scores = fine + fcn_step.upsample(scores, 2 * stride, stride, fine.shape[2:])
    return F.softmax(fcn_step.upsample(scores, 8, 1, image.shape[2:]), 1)


if __name__ == "__main__":
    main()
