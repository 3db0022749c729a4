"""Times one training step of the full ladder network in eager PyTorch on the CPU, as a peer.

MLP 784-1000-500-250-250-250-10, 100 labelled and 100 unlabelled rows, denoising weights
1000, 10, 0.1 x5, noise 0.3, Adam 0.002 (Rasmus et al. 2015, their official implementation).

    python3 ladder_step.py --threads 1 --steps 100 --warmup 10 [--inputs FOLDER]
    python3 ladder_step.py --form plain                    as the formulas read, untuned
    python3 ladder_step.py --losses FOLDER [--steps K]     the losses from given inputs and noise
    python3 ladder_step.py --export FOLDER [--steps K]     such a folder, seeded

Each prints one JSON object. FOLDER is described in `exchange.py`; its names here:

    encoder.l.W      (width_{l+1}, width_l)   l = 0..5
    encoder.l.beta   (width_{l+1})            l = 0..5
    encoder.5.gamma  (10)                     the top layer alone
    decoder.l.V      (width_l, width_{l+1})   l = 0..5
    combinator.l.a1 .. combinator.l.a10       (width_l), l = 0..6
    labelled         (100, 784)               in [0, 1]
    labels           (100)                    class ids
    unlabelled       (100, 784)
    noise.l          (200, width_l)           l = 0..6, standard normal (the step multiplies by
                                              noiseStd, 0.3), labelled rows first

The last four may have an axis of steps in front. `--inputs` needs no noise, `--losses` does.
"""
import exchange
import measure

WIDTHS = [784, 1000, 500, 250, 250, 250, 10]
LAMBDAS = [1000.0, 10.0, 0.1, 0.1, 0.1, 0.1, 0.1]
ROWS = 100
NOISE_STD = 0.3


def main():
    args = measure.arguments("A ladder step in eager PyTorch.", learning_rate=0.002)
    if args.export:
        measure.print_json(export(args))
    elif args.losses:
        measure.print_json(replay(args))
    else:
        measure.print_json(benchmark(args))


def form(args):
    """The class of the loss that --form names."""
    if args.form == "plain":
        from ladder_plain import PlainLadder

        return PlainLadder
    from ladder_model import Ladder

    return Ladder


def benchmark(args):
    """Times the step with noise drawn by PyTorch inside it, over given or synthetic batches."""
    import torch
    from ladder_model import initial_parameters

    if args.inputs:
        manifest, arrays = exchange.read(args.inputs)
        named, noise_std = tensors(arrays), manifest.get("noiseStd", NOISE_STD)
        batch_at = lambda k: batch(named, k)
    else:
        named, noise_std = initial_parameters(WIDTHS), NOISE_STD
        pool = [synthetic_batch() for _ in range(10)]
        batch_at = lambda k: pool[k % len(pool)]
    model = form(args)(named, LAMBDAS, noise_std)
    optimizer, mode = measure.adam(model.parameters(), args.learning_rate, args.adam)

    def step(k):
        noise = [torch.randn(2 * ROWS, width) for width in WIDTHS]
        cross_entropy, denoising = model.losses(*batch_at(k), noise)
        return cross_entropy + sum(denoising)

    return measure.time_steps(args, step, optimizer, mode)


def replay(args):
    """The losses of K steps from the folder's parameters, batches and noise."""
    import torch

    manifest, arrays = exchange.read(args.losses)
    named = tensors(arrays)
    model = form(args)(named, LAMBDAS, manifest.get("noiseStd", NOISE_STD))
    optimizer, _ = measure.adam(model.parameters(), args.learning_rate, "loop")
    steps = args.steps or manifest.get("steps", 1)
    parts = []

    def step(k):
        noise = [exchange.at_step(named[f"noise.{l}"], 2, k) for l in range(len(WIDTHS))]
        cross_entropy, denoising = model.losses(*batch(named, k), noise)
        total = cross_entropy + sum(denoising)
        values = {"total": total, "crossEntropy": cross_entropy}
        parts.append({name: value.item() for name, value in values.items()})
        parts[-1]["denoising"] = [cost.item() for cost in denoising]
        return total

    for k in range(steps):
        measure.update(optimizer, step, k)
    return {
        "torch": torch.__version__,
        "threads": args.threads,
        "losses": [part["total"] for part in parts],
        "parts": parts,
        "steps": steps,
    }


def export(args):
    """Writes the initial parameters and K synthetic batches with noise."""
    import torch
    from ladder_model import initial_parameters

    steps = args.steps or 3
    named = initial_parameters(WIDTHS)
    batches = [synthetic_batch() for _ in range(steps)]
    for name, parts in zip(("labelled", "labels", "unlabelled"), zip(*batches)):
        named[name] = torch.stack(parts)
    for l, width in enumerate(WIDTHS):
        named[f"noise.{l}"] = torch.randn(steps, 2 * ROWS, width)
    arrays = {name: tensor.numpy() for name, tensor in named.items()}
    exchange.write(args.export, arrays, steps=steps, noiseStd=NOISE_STD)
    return {"folder": args.export, "steps": steps, "tensors": len(arrays)}


def tensors(arrays):
    import torch

    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def batch(named, k):
    """labelled, labels, unlabelled of step k."""
    at_step = lambda name, rank: exchange.at_step(named[name], rank, k)
    return at_step("labelled", 2), at_step("labels", 1).long(), at_step("unlabelled", 2)


def synthetic_batch():
    """Uniform pixels and random classes: the time of a step does not depend on what it sees."""
    import torch

    rows = lambda: torch.rand(ROWS, WIDTHS[0])
    return rows(), torch.randint(0, WIDTHS[-1], (ROWS,)), rows()


if __name__ == "__main__":
    main()
