"""The ladder network's training loss (Rasmus et al. 2015) in eager PyTorch, written for speed.

Forms that were tried: milliseconds of CPU time of a whole step on one thread of a 2-core AMD EPYC
that others used too (the order held in every round, the last digit did not). 100 + 100 rows,
784-1000-500-250-250-250-10, PyTorch 1.13 with OpenBLAS 0.3.21; about 43 of them are products.
    61    clean and corrupted rows apart, `torch.var_mean` for the clean statistics
    59    ... mean and squared deviations instead: `var_mean` over rows is slow
    59    ... `CleanNorm` below instead
    56.3  squared deviations, the clean rows joined to the corrupted ones, one product a layer
    56.0  `CleanNorm`, and rows interleaved so that one normalisation serves all three groups
    55.6  `CleanNorm`, one product a layer                     (58.1 with 89 parameters, see below)
    54    ... noise, beta and ReLU in place: what stands here
The ten parameters of a combinator are one tensor, so that mean and gain are computed together and
Adam has 26 tensors to walk, not 89.
"""
import math

import torch
import torch.nn.functional as F

EPSILON = 1e-10
COMBINATOR = [f"a{i}" for i in range(1, 11)]


def initial_parameters(widths):
    """{name: tensor}: weights N(0, 1) / sqrt(fan in), a2 = a7 = gamma = 1, all others 0."""
    top = len(widths) - 1
    named = {}
    for l in range(top):
        named[f"encoder.{l}.W"] = torch.randn(widths[l + 1], widths[l]) / math.sqrt(widths[l])
        named[f"encoder.{l}.beta"] = torch.zeros(widths[l + 1])
        named[f"decoder.{l}.V"] = torch.randn(widths[l], widths[l + 1]) / math.sqrt(widths[l + 1])
    named[f"encoder.{top - 1}.gamma"] = torch.ones(widths[top])
    for l, width in enumerate(widths):
        for a in COMBINATOR:
            named[f"combinator.{l}.{a}"] = torch.full((width,), 1.0 if a in ("a2", "a7") else 0.0)
    return named


class CleanNorm(torch.autograd.Function):
    """x (rows, width) -> batch-normalised x, and 1 / sqrt(variance + epsilon), both differentiable.

    The kernel computes the second too but gives it no gradient; it is -z r^2 / rows, added here.
    """

    @staticmethod
    def forward(ctx, x):
        z, mean, r = torch.native_batch_norm(x, None, None, None, None, True, 0.0, EPSILON)
        ctx.save_for_backward(x, z, mean, r)
        return z, r

    @staticmethod
    def backward(ctx, dz, dr):
        x, z, mean, r = ctx.saved_tensors
        dx, _, _ = torch.ops.aten.native_batch_norm_backward(
            dz, x, None, None, None, mean, r, True, EPSILON, [True, False, False]
        )
        return dx.addcmul_(z, dr * r * r, value=-1 / x.shape[0])


def batch_norm(x):
    """x (rows, width), normalised over the rows with the population variance, without affine."""
    return F.batch_norm(x, None, None, training=True, eps=EPSILON)


class Ladder:
    """The loss as a function of trainable parameters, batches and noise.

    `named` is {name: tensor}, names as in `ladder_step.py`; `lambdas` has one weight a layer.
    """

    def __init__(self, named, lambdas, noise_std=0.3):
        top = len(lambdas) - 1
        self.lambdas, self.noise_std, self.top = lambdas, noise_std, top
        trained = lambda t: torch.nn.Parameter(t.clone())
        self.W = [trained(named[f"encoder.{l}.W"]) for l in range(top)]
        self.beta = [trained(named[f"encoder.{l}.beta"]) for l in range(top)]
        self.gamma = trained(named[f"encoder.{top - 1}.gamma"])
        self.V = [trained(named[f"decoder.{l}.V"]) for l in range(top)]
        # (5, 2, 1, width): what a1..a5 are to the mean, a6..a10 are to the gain.
        self.combinators = [
            trained(stack_combinator([named[f"combinator.{l}.{a}"] for a in COMBINATOR]))
            for l in range(top + 1)
        ]

    def parameters(self):
        return [*self.W, *self.beta, self.gamma, *self.V, *self.combinators]

    def gradients(self):
        """{name: gradient}, after a backward pass."""
        named = {f"encoder.{self.top - 1}.gamma": self.gamma.grad}
        for l in range(self.top):
            named[f"encoder.{l}.W"] = self.W[l].grad
            named[f"encoder.{l}.beta"] = self.beta[l].grad
            named[f"decoder.{l}.V"] = self.V[l].grad
        for l, stacked in enumerate(self.combinators):
            for i, a in enumerate(COMBINATOR):
                named[f"combinator.{l}.{a}"] = stacked.grad[i % 5, i // 5, 0]
        return named

    def losses(self, labelled, labels, unlabelled, noise):
        """Returns (cross entropy, [weighted denoising cost of each layer, from 0]).

        labelled (n, width_0), labels (n) int64, unlabelled (m, width_0); noise[l] (n + m, width_l),
        standard normal, the labelled rows first.
        """
        n, m = len(labelled), len(unlabelled)
        groups = [n, m, m]  # corrupted labelled, corrupted unlabelled, clean unlabelled
        h = torch.cat([labelled, unlabelled, unlabelled])
        h[: n + m].add_(noise[0], alpha=self.noise_std)
        corrupted = [h[n : n + m]]
        clean = [(unlabelled, None)]
        for l in range(self.top):
            before_l, before_u, before_c = (h @ self.W[l].t()).split(groups)
            noise_l, noise_u = noise[l + 1].split(groups[:2])
            z_l = batch_norm(before_l).add_(noise_l, alpha=self.noise_std)
            z_u = batch_norm(before_u).add_(noise_u, alpha=self.noise_std)
            z_c, r = CleanNorm.apply(before_c)
            corrupted.append(z_u)
            clean.append((before_c, r))
            if l < self.top - 1:
                h = torch.cat([z_l, z_u, z_c]).add_(self.beta[l]).relu_()
        cross_entropy = F.cross_entropy((z_l + self.beta[-1]) * self.gamma, labels)
        guess = F.softmax((z_u + self.beta[-1]) * self.gamma, dim=1)
        return cross_entropy, self.decode(corrupted, clean, guess)

    def decode(self, corrupted, clean, guess):
        """The weighted denoising costs, from layer 0."""
        u = batch_norm(guess)
        costs = []
        for l in range(self.top, -1, -1):
            z_hat = self.combine(l, corrupted[l], u)
            costs.append(self.denoising_cost(l, z_hat, *clean[l]))
            if l > 0:
                u = batch_norm(z_hat @ self.V[l - 1].t())
        return costs[::-1]

    def combine(self, l, z, u):
        """The Gaussian combinator g(z, u) of layer l."""
        a1, a2, a3, a4, a5 = self.combinators[l].unbind(0)
        line = torch.addcmul(a5, a4, u)
        mean, gain = torch.addcmul(line, a1, torch.sigmoid(torch.addcmul(a3, a2, u))).unbind(0)
        return torch.addcmul(mean, z - mean, gain)

    def denoising_cost(self, l, z_hat, before, r):
        """The clean mean is in the target and in the estimate: only the scale r is left of both."""
        error = before - z_hat
        if r is not None:
            error = error * r
        return error.square().sum() * (self.lambdas[l] / error.numel())


def stack_combinator(ten):
    """a1..a10, each (width) -> (5, 2, 1, width)."""
    return torch.stack(ten).view(2, 5, 1, -1).transpose(0, 1).contiguous()
