"""Times one training step of a plain MLP in eager PyTorch on the CPU, as a peer.

784-1000-500-10 with biases, ReLU, softmax cross entropy, batch 200, Adam 0.001.

    python3 mlp_step.py --threads 1 --steps 100 --warmup 10 [--inputs FOLDER]
    python3 mlp_step.py --losses FOLDER [--steps K]     the losses from given inputs
    python3 mlp_step.py --export FOLDER [--steps K]     such a folder, seeded

Each prints one JSON object. FOLDER is described in `exchange.py`; its names here:

    layer.l.W  (width_{l+1}, width_l)   l = 0..2
    layer.l.b  (width_{l+1})            l = 0..2
    inputs     (200, 784)               in [0, 1]
    labels     (200)                    class ids

The last two may have an axis of steps in front.
"""
import math

import exchange
import measure

WIDTHS = [784, 1000, 500, 10]
ROWS = 200


def main():
    args = measure.arguments("An MLP step in eager PyTorch.", learning_rate=0.001)
    if args.export:
        measure.print_json(export(args))
    elif args.losses:
        measure.print_json(replay(args))
    else:
        measure.print_json(benchmark(args))


def benchmark(args):
    """Times the step over given or synthetic batches."""
    if args.inputs:
        named = tensors(exchange.read(args.inputs)[1])
        batch_at = lambda k: batch(named, k)
    else:
        named = initial_parameters()
        pool = [synthetic_batch() for _ in range(10)]
        batch_at = lambda k: pool[k % len(pool)]
    layers, parameters = trainable(named)
    optimizer, mode = measure.adam(parameters, args.learning_rate, args.adam)
    return measure.time_steps(args, lambda k: loss(layers, *batch_at(k)), optimizer, mode)


def replay(args):
    """The losses of K steps from the folder's parameters and batches."""
    import torch

    manifest, arrays = exchange.read(args.losses)
    named = tensors(arrays)
    layers, parameters = trainable(named)
    optimizer, _ = measure.adam(parameters, args.learning_rate, "loop")
    steps = args.steps or manifest.get("steps", 1)
    step = lambda k: loss(layers, *batch(named, k))
    losses = [measure.update(optimizer, step, k).item() for k in range(steps)]
    return {"torch": torch.__version__, "threads": args.threads, "losses": losses, "steps": steps}


def export(args):
    """Writes initial parameters and K synthetic batches."""
    import torch

    steps = args.steps or 3
    named = initial_parameters()
    inputs, labels = zip(*(synthetic_batch() for _ in range(steps)))
    named.update(inputs=torch.stack(inputs), labels=torch.stack(labels))
    arrays = {name: tensor.numpy() for name, tensor in named.items()}
    exchange.write(args.export, arrays, steps=steps)
    return {"folder": args.export, "steps": steps, "tensors": len(arrays)}


def initial_parameters():
    """{name: tensor}: weights N(0, 2 / fan in), biases 0."""
    import torch

    named = {}
    for l, (before, after) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        named[f"layer.{l}.W"] = torch.randn(after, before) * math.sqrt(2 / before)
        named[f"layer.{l}.b"] = torch.zeros(after)
    return named


def trainable(named):
    """Returns ([(W, b) of each layer], [every parameter])."""
    import torch

    layers = [
        tuple(torch.nn.Parameter(named[f"layer.{l}.{part}"].clone()) for part in ("W", "b"))
        for l in range(len(WIDTHS) - 1)
    ]
    return layers, [parameter for layer in layers for parameter in layer]


def loss(layers, inputs, labels):
    """Mean cross entropy over the batch."""
    import torch.nn.functional as F

    h = inputs
    for weight, bias in layers[:-1]:
        h = F.linear(h, weight, bias).relu_()
    return F.cross_entropy(F.linear(h, *layers[-1]), labels)


def tensors(arrays):
    import torch

    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def batch(named, k):
    """inputs, labels of step k."""
    return exchange.at_step(named["inputs"], 2, k), exchange.at_step(named["labels"], 1, k).long()


def synthetic_batch():
    import torch

    return torch.rand(ROWS, WIDTHS[0]), torch.randint(0, WIDTHS[-1], (ROWS,))


if __name__ == "__main__":
    main()
