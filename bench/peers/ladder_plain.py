"""The ladder network's training loss as the paper's formulas read, in plain eager PyTorch.

What one writes before measuring: a pass for each group of rows, PyTorch's own functions for linear
layers, normalisation and losses, ten parameters for each combinator. No work that the step does not
need (the clean pass and the decoder see the unlabelled rows alone), but no tricks either;
`ladder_model.py` is the form that was tuned. Same interface, same losses.
"""
import torch
import torch.nn.functional as F

EPSILON = 1e-10


def batch_norm(x):
    return F.batch_norm(x, None, None, training=True, eps=EPSILON)


class PlainLadder:
    """`named` is {name: tensor}, names as in `ladder_step.py`; `lambdas` has one weight a layer."""

    def __init__(self, named, lambdas, noise_std=0.3):
        self.lambdas, self.noise_std, self.top = lambdas, noise_std, len(lambdas) - 1
        trained = [name for name in named if name.startswith(("encoder", "decoder", "combinator"))]
        self.p = {name: torch.nn.Parameter(named[name].clone()) for name in trained}

    def parameters(self):
        return list(self.p.values())

    def corrupted(self, x, noise):
        """Rows through the noisy encoder: z~ of every layer, and the logits."""
        h = x + self.noise_std * noise[0]
        zs = [h]
        for l in range(self.top):
            z = batch_norm(F.linear(h, self.p[f"encoder.{l}.W"])) + self.noise_std * noise[l + 1]
            zs.append(z)
            h = F.relu(z + self.p[f"encoder.{l}.beta"])
        last = self.top - 1
        return zs, self.p[f"encoder.{last}.gamma"] * (z + self.p[f"encoder.{last}.beta"])

    def clean(self, x):
        """Rows through the clean encoder: (z, mean, variance) of every layer above the input."""
        h, found = x, []
        for l in range(self.top):
            before = F.linear(h, self.p[f"encoder.{l}.W"])
            variance, mean = torch.var_mean(before, dim=0, unbiased=False)
            z = (before - mean) / torch.sqrt(variance + EPSILON)
            found.append((z, mean, variance))
            h = F.relu(z + self.p[f"encoder.{l}.beta"])
        return found

    def combine(self, l, z, u):
        a = [self.p[f"combinator.{l}.a{i}"] for i in range(1, 11)]
        mean = a[0] * torch.sigmoid(a[1] * u + a[2]) + a[3] * u + a[4]
        gain = a[5] * torch.sigmoid(a[6] * u + a[7]) + a[8] * u + a[9]
        return (z - mean) * gain + mean

    def losses(self, labelled, labels, unlabelled, noise):
        """As `ladder_model.Ladder.losses`."""
        n = len(labelled)
        _, logits = self.corrupted(labelled, [part[:n] for part in noise])
        noisy, guess = self.corrupted(unlabelled, [part[n:] for part in noise])
        clean = self.clean(unlabelled)
        costs, u = [], batch_norm(F.softmax(guess, dim=1))
        for l in range(self.top, -1, -1):
            z_hat = self.combine(l, noisy[l], u)
            if l > 0:
                z, mean, variance = clean[l - 1]
                estimate = (z_hat - mean) / torch.sqrt(variance + EPSILON)
                u = batch_norm(F.linear(z_hat, self.p[f"decoder.{l - 1}.V"]))
            else:
                z, estimate = unlabelled, z_hat
            costs.append(self.lambdas[l] * F.mse_loss(estimate, z))
        return F.cross_entropy(logits, labels), costs[::-1]
