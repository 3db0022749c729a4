"""Times one round of the joint method of Lee et al. 2018 in eager PyTorch on the CPU, as a peer.

VGG-13 without normalisation and DCGAN at a quarter of their width, batch normalisation live, three updates
with Adam as the official code has them.

    python3 confident_step.py --threads 1 --steps 10 --warmup 2 --inputs FOLDER
    python3 confident_step.py --losses FOLDER [--steps K]     the classifier's losses from given inputs

Each prints one JSON object. FOLDER is described in `exchange.py`; its tensors are

    classifier/..., generator/..., discriminator/...    as torch.nn names them
    image            (64, 3, 32, 32)
    espalier.labels  (64)                class ids
    espalier.beta    ()                  weight of the divergence from uniform
    latents          (64, 100)           of the first two updates
    latents.fresh    (64, 100)           of the third
    classified/...   (64, 128)           dropout's masks in the generator's update, in their order
    seen/...         (128, 128)          and in the classifier's, images of the data first

All but the weights have an axis of steps in front. `--form tuned` lays images and weights out with their
channels last.
"""
import exchange
import measure


def main():
    args = measure.arguments("A round of the joint method.", learning_rate=0.0002)
    folder = args.losses or args.inputs
    if not folder:
        raise SystemExit("give --inputs FOLDER or --losses FOLDER")
    measure.print_json(replay(args, folder) if args.losses else benchmark(args, folder))


def benchmark(args, folder):
    _, optimizer, step = prepare(args, folder, draws=True)
    return measure.time_steps(args, step, optimizer, "default")


def replay(args, folder):
    import torch

    manifest, optimizer, step = prepare(args, folder, draws=False)
    steps = args.steps or manifest["steps"]
    losses = [measure.update(optimizer, step, k).item() for k in range(steps)]
    return {"torch": torch.__version__, "threads": args.threads, "losses": losses, "steps": steps}


def prepare(args, folder, draws):
    """Returns (manifest, optimizer, step(k) -> loss). `step` updates the GAN; the caller the classifier."""
    import torch
    import torch.nn.functional as F

    manifest, arrays = exchange.read(folder)
    layout = torch.channels_last if args.form == "tuned" else torch.contiguous_format
    placed = lambda t: t.contiguous(memory_format=layout) if t.dim() == 4 else t
    named = {name: torch.from_numpy(array) for name, array in arrays.items()}
    nets = ("classifier", "generator", "discriminator")
    p = {
        net: {
            name[len(net) + 1 :]: torch.nn.Parameter(placed(t.clone()))
            for name, t in named.items()
            if name.startswith(f"{net}/")
        }
        for net in nets
    }
    masks = {
        which: [t for name, t in named.items() if name.startswith(f"{which}/")]
        for which in ("classified", "seen")
    }
    images = [placed(image) for image in named["image"]]
    beta = named["espalier.beta"][0].item()
    rate = args.learning_rate
    adam = lambda net, beta1: torch.optim.Adam(p[net].values(), rate, betas=(beta1, 0.999))
    ours = adam("classifier", 0.9)
    made_by, judged_by = adam("generator", 0.5), adam("discriminator", 0.5)

    def step(k):
        at = k % len(images)
        x, y = images[at], named["espalier.labels"][at].long()
        rows = len(x)
        latents = lambda name: torch.randn(rows, 100) if draws else named[name][at]
        keep = lambda which, part: None if draws else [mask[at][part] for mask in masks[which]]
        one, zero = torch.ones(rows), torch.zeros(rows)
        uniform = torch.full((rows, 10), 0.1)
        divergence = lambda logits: F.kl_div(F.log_softmax(logits, 1), uniform, reduction="batchmean")

        judged_by.zero_grad(set_to_none=True)
        F.binary_cross_entropy(discriminator(p["discriminator"], x), one).backward()
        made = generator(p["generator"], latents("latents"))
        F.binary_cross_entropy(discriminator(p["discriminator"], made.detach()), zero).backward()
        judged_by.step()

        made_by.zero_grad(set_to_none=True)
        loss = F.binary_cross_entropy(discriminator(p["discriminator"], made), one)
        logits = classifier(p["classifier"], made, keep("classified", slice(None)))
        (loss + beta * divergence(logits)).backward()
        made_by.step()

        ours.zero_grad(set_to_none=True)
        loss = F.cross_entropy(classifier(p["classifier"], x, keep("seen", slice(rows))), y)
        made = generator(p["generator"], latents("latents.fresh"))
        logits = classifier(p["classifier"], made, keep("seen", slice(rows, None)))
        return loss + beta * divergence(logits)

    return manifest, ours, step


def classifier(p, x, keep):
    import torch.nn.functional as F

    at = 0
    for convolutions in (2, 2, 2, 2, 2):
        for _ in range(convolutions):
            x = F.relu(F.conv2d(x, p[f"features.{at}.weight"], p[f"features.{at}.bias"], 1, 1))
            at += 2
        x = F.max_pool2d(x, 2)
        at += 1
    x = x.flatten(1)
    for i, name in enumerate(("classifier.0", "classifier.3")):
        x = F.relu(F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"]))
        x = F.dropout(x, 0.5) if keep is None else x * 2 * keep[i]
    return F.linear(x, p["classifier.6.weight"], p["classifier.6.bias"])


def norm(p, name, x):
    import torch
    import torch.nn.functional as F

    mean, var = torch.zeros(x.shape[1]), torch.ones(x.shape[1])
    return F.batch_norm(x, mean, var, p[f"{name}.weight"], p[f"{name}.bias"], True, 0.1, 1e-5)


def generator(p, z):
    import torch
    import torch.nn.functional as F

    x = F.conv_transpose2d(z[:, :, None, None], p["main.0.weight"])
    for at in (1, 4, 7):
        x = F.relu(norm(p, f"main.{at}", x))
        x = F.conv_transpose2d(x, p[f"main.{at + 2}.weight"], None, 2, 1)
    return torch.sigmoid(x)


def discriminator(p, x):
    import torch
    import torch.nn.functional as F

    x = F.leaky_relu(F.conv2d(x, p["main.0.weight"], None, 2, 1), 0.2)
    for at in (2, 5):
        x = F.conv2d(x, p[f"main.{at}.weight"], None, 2, 1)
        x = F.leaky_relu(norm(p, f"main.{at + 1}", x), 0.2)
    return torch.sigmoid(F.conv2d(x, p["main.8.weight"])).flatten()


if __name__ == "__main__":
    main()
