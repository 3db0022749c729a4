"""Times convolutions and their two gradients in PyTorch on the CPU, each by itself, as a peer.

    python3 conv_gradient.py --threads 2 --steps 5 --warmup 1 --shapes JSON

JSON is a list of {batch, channels, made, size, kernel, stride, pad, group}. Prints one JSON object:
{"torch": …, "threads": …, "shapes": [{"forward": ms, "input": ms, "weight": ms}]}, medians.
"""
import argparse
import json
import os
import statistics
import time


def main():
    parser = argparse.ArgumentParser(description="Convolutions and their gradients in PyTorch.")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--shapes", required=True)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    import torch

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    times = [times_of(shape, args) for shape in json.loads(args.shapes)]
    print(json.dumps({"torch": torch.__version__, "threads": args.threads, "shapes": times}))


def times_of(shape, args):
    import torch

    size, kernel, group = shape["size"], shape["kernel"], shape["group"]
    stride, pad = [shape["stride"]] * 2, [shape["pad"]] * 2
    x = torch.rand(shape["batch"], shape["channels"], size, size)
    w = torch.rand(shape["made"], shape["channels"] // group, kernel, kernel)
    forward = lambda: torch.nn.functional.conv2d(x, w, None, stride, pad, 1, group)
    dy = torch.rand_like(forward())

    def backward(*mask):
        # What autograd calls, asked for one gradient at a time.
        return torch.ops.aten.convolution_backward(
            dy, x, w, None, stride, pad, [1, 1], False, [0, 0], group, [*mask, False]
        )

    return {
        "forward": milliseconds(forward, args),
        "input": milliseconds(lambda: backward(True, False), args),
        "weight": milliseconds(lambda: backward(False, True), args),
    }


def milliseconds(work, args):
    times = []
    for step in range(args.warmup + args.steps):
        start = time.perf_counter()
        work()
        if step >= args.warmup:
            times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


if __name__ == "__main__":
    main()
