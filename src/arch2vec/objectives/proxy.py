"""A zero-cost proxy in the place of an accuracy: searches that train nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping

from typing_extensions import override

from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.proxies.networks import Build, builder
from arch2vec.proxies.registry import get_proxies
from arch2vec.proxies.settings import ProxySetting
from arch2vec.proxies.table import SECONDS, evaluate_architecture
from arch2vec.spaces import SearchSpace, get_space


class ProxyObjective(Objective):
    """The value of one zero-cost proxy; see :mod:`arch2vec.proxies`.

    All proxies are such that more is better, in the direction that they were
    published with: none is negated. An evaluation's ``validation`` is the
    proxy's value in the proxy's own unit, of synflow the natural logarithm (up to 10^50, it is
    beyond what surrogates can calculate with); NaN where it is not defined. There is no ``test``.
    Its ``cost_s`` is the processor time it took, the network's making included.

    Args:
        proxy: a key of :data:`arch2vec.proxies.registry.PROXIES`.
        setting: batch, networks and seed.
        space: the space whose architectures it takes, or its name, file or reference.
        build: makes their networks; by default as the space's are known. It has to be
            picklable where worker processes evaluate.
        layers: of a declared space, what layers its operations are (:mod:`arch2vec.networks.declared`).

    Raises:
        InputError: the proxy is unknown, or it is not known how the space's networks are made.
    """

    unit = ""

    def __init__(
        self,
        proxy: str,
        setting: ProxySetting | None = None,
        space: SearchSpace | str = "nasbench201",
        build: Build | None = None,
        layers: Mapping[str, str] | None = None,
    ) -> None:
        (chosen,) = get_proxies([proxy])
        self.setting = ProxySetting() if setting is None else setting
        self._space = get_space(space)
        self._build = builder(self._space, self.setting, layers) if build is None else build
        self._proxy = chosen
        self.space = self._space.name
        self.name = f"proxy-{proxy}"
        what = f"logarithm of {proxy}" if chosen.logarithmic else proxy
        self.note = f"no network is trained: the numbers are values of the proxy {what}, not accuracies"
        made = "".join(f"{name} being {layer}; " for name, layer in sorted((layers or {}).items()))
        about = f"{chosen.source}) on {self.setting.description}"
        self.description = f"zero-cost proxy {what} ({about}; {made}{self.note}"

    @property
    @override
    def signal(self) -> str:
        return f"log of {self._proxy.name}" if self._proxy.logarithmic else self._proxy.name

    @override
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        if fidelity is not None:
            raise InputError(f"objective {self.name} trains nothing, so it has no fidelity; got {fidelity}")
        architecture = self._space.format(self._space.parse([architecture]))[0]
        values = evaluate_architecture(self._build, architecture, [self._proxy.name], self.setting)
        value = values[self._proxy.name]
        if self._proxy.logarithmic:
            value = math.log(value) if value > 0 else math.nan
        return Outcome(value, None, values[SECONDS])
