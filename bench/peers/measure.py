"""What the peers share: the command line, the threads, the choice of Adam, the timing loop.

PyTorch is imported inside the functions because the threads must be in the environment before.
"""
import argparse
import json
import os
import statistics
import time

LOSSES_SHOWN = 5


def arguments(description, learning_rate):
    """Parses the command line and sets the number of threads, before anything imports torch."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch and its BLAS")
    parser.add_argument("--blas-threads", type=int, help="threads of the BLAS alone, if others")
    parser.add_argument("--form", choices=["plain", "tuned"], default="tuned", help="of the ladder")
    parser.add_argument("--steps", type=int, help="timed steps (default 100), or steps of --losses")
    parser.add_argument("--warmup", type=int, default=10, help="steps before the clock starts")
    parser.add_argument("--inputs", help="take parameters and batches from this exchange folder")
    parser.add_argument("--losses", help="do not time: print the losses of this exchange folder")
    parser.add_argument("--export", help="do not time: write a seeded exchange folder to this path")
    modes = ["auto", "default", "loop", "foreach", "fused"]
    parser.add_argument("--adam", choices=modes, default="auto")
    parser.add_argument("--learning-rate", type=float, default=learning_rate)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(args.blas_threads or args.threads)
    # PyTorch's OpenMP threads spin while they wait, on the very cores that OpenBLAS's own threads
    # need: on 2 cores a step took twice as long as with one of them. Spinning briefly mends it.
    if args.form == "tuned":
        os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    import torch

    torch.set_num_threads(args.threads)
    # Adam's moments of weights without gradient sink into denormal numbers, which are slow.
    torch.set_flush_denormal(args.form == "tuned")
    if args.form == "plain" and args.adam == "auto":
        args.adam = "default"
    torch.manual_seed(args.seed)
    return args


def adam(parameters, learning_rate, mode):
    """Adam with betas 0.9 and 0.999 and epsilon 1e-8; `mode` as in --adam."""
    import torch

    if mode == "auto":
        mode = fastest_adam(parameters)
    choice = {"default": {}, "loop": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}
    settings = {"lr": learning_rate, "betas": (0.9, 0.999), "eps": 1e-8, **choice[mode]}
    return torch.optim.Adam(parameters, **settings), mode


def fastest_adam(parameters, repeats=15):
    """The fastest mode that this version has, by its best time, the modes taking turns.

    On 1.13 that is the loop (8.0 against 9.8 ms for the ladder's tensors on one thread, 16.8 as one
    flat tensor); later versions have a fused kernel for the CPU.
    """
    import torch

    steps = {}
    for mode in ("loop", "foreach", "fused"):
        copies = [torch.nn.Parameter(p.detach().clone()) for p in parameters]
        for p in copies:
            p.grad = torch.full_like(p, 1e-3)
        try:
            optimizer, _ = adam(copies, 1e-3, mode)
            optimizer.step()
            steps[mode] = optimizer.step
        except (RuntimeError, TypeError):
            pass  # this version has no such mode on the CPU
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(repeats):
        for mode, step in steps.items():
            best[mode] = min(best[mode], timed(step))
    return min(best, key=best.get)


def timed(run):
    """Milliseconds that one call takes."""
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def time_steps(args, step, optimizer, mode):
    """Runs `step(k) -> loss tensor` warmup + steps times; returns the result to print."""
    import torch

    losses, times = [], []
    for k in range(args.warmup + (args.steps or 100)):
        kept = []
        spent = timed(lambda: kept.append(update(optimizer, step, k)))
        if k < LOSSES_SHOWN:
            losses.append(kept[0].item())
        if k >= args.warmup:
            times.append(spent)
    return {
        "torch": torch.__version__,
        "threads": args.threads,
        "adam": mode,
        "msPerStep": round(statistics.median(times), 3),
        "meanMs": round(statistics.fmean(times), 3),
        "minMs": round(min(times), 3),
        "losses": losses,
        "steps": len(times),
        "warmup": args.warmup,
    }


def update(optimizer, step, k):
    """One training step; returns its loss, which was taken before the update."""
    optimizer.zero_grad(set_to_none=True)
    loss = step(k)
    loss.backward()
    optimizer.step()
    return loss.detach()


def print_json(result):
    print(json.dumps(result))
