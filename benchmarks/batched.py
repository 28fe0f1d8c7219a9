"""(m) Peers of one architecture trained in one batched pass, beside one after the other: the seconds of the first over
those of the second, of the same models, batches and optimiser, in interleaved pairs of blocks, with a 95 % interval.

The pass is `torch.func`'s: parameters stacked, the gradient of one model mapped over all of them (`vmap`). As a program
of its own (`python -m benchmarks.batched PAIRS`) it writes, per architecture, [[batched, one by one], …] as JSON.
"""

import copy
import json
import subprocess
import sys
from statistics import fmean

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import cross_entropy

from benchmarks.figures import interval, ratios
from benchmarks.models import TASK
from benchmarks.place import Place
from benchmarks.plan import environment
from benchmarks.rows import Row
from benchmarks.steps import WARM_UP, seconds
from hdus_peer.learning.architectures import build
from hdus_peer.learning.device import prepare
from hdus_peer.workers.trainer import ALLOCATOR

PEERS, BATCH, STEPS = 4, 32, 10
ARCHITECTURES = ("mlp-s", "mlp", "resnet8")
LEARNING_RATE = 0.003


def measure(place: Place) -> list[Row]:
    variables = {**environment(), **ALLOCATOR, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    typed = [sys.executable, "-m", "benchmarks.batched", str(place.effort.training_pairs)]
    found = json.loads(subprocess.run(typed, check=True, stdout=subprocess.PIPE, env=variables).stdout)
    return [_row(name, pairs) for name, pairs in found.items()]


def _row(name: str, pairs: list[tuple[float, float]]) -> Row:
    batched, single = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    low, high = interval(ratios(batched, single), fmean)
    how = f"{PEERS} peers, batches of {BATCH}, one thread: one pass over one after the other"
    details = {"low": low, "high": high}
    return Row("m", f"batched training of {name}", fmean(ratios(batched, single)), "", None, how, details)


class OneByOne:
    def __init__(self, models: list[nn.Module], x: Tensor, y: Tensor) -> None:
        self._models, self._x, self._y = models, x, y
        self._optimizers = [torch.optim.Adam(model.parameters(), LEARNING_RATE, fused=True) for model in models]

    def run(self) -> None:
        for _ in range(STEPS):
            for peer, (model, optimizer) in enumerate(zip(self._models, self._optimizers, strict=True)):
                optimizer.zero_grad()
                cross_entropy(model(self._x[peer]), self._y[peer]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()


class Batched:
    def __init__(self, models: list[nn.Module], x: Tensor, y: Tensor) -> None:
        self._parameters, self._buffers = stack_module_state(models)  # type: ignore[arg-type]
        self._shape, self._x, self._y = copy.deepcopy(models[0]).to("meta"), x, y
        self._optimizer = torch.optim.Adam(self._parameters.values(), LEARNING_RATE, fused=True)
        self._gradients = vmap(grad(self._loss))

    def _loss(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(functional_call(self._shape, (parameters, buffers), (x,)), y)

    def run(self) -> None:
        for _ in range(STEPS):
            gradients = self._gradients(self._parameters, self._buffers, self._x, self._y)
            for name, parameter in self._parameters.items():
                parameter.grad = gradients[name]
            self._optimizer.step()


def main(pairs: int) -> None:
    prepare(threads=1, device="cpu")
    torch.manual_seed(0)
    x = torch.randn((PEERS, BATCH, *TASK.shape))
    y = torch.randint(len(TASK.classes), (PEERS, BATCH))
    found = {}
    for name in ARCHITECTURES:
        models = [build(name, TASK.shape, len(TASK.classes)) for _ in range(PEERS)]
        batched, single = Batched(copy.deepcopy(models), x, y), OneByOne(models, x, y)
        found[name] = [(seconds(batched.run), seconds(single.run)) for _ in range(pairs + WARM_UP)][WARM_UP:]
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]))
