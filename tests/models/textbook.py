"""The equations of the optimizers in NumPy float64, and those of the lecture that are wrong.

Each is one step, `name(w, g, t, s, *, options) -> w`: weights `w`, their gradient `g`, the number `t` of the step, from
1, and a state `s` in which everything starts at zero. The defaults are Keras's; where Keras departs from the paper, the
equation is Keras's, and its description says what the paper has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
State = defaultdict[str, Any]
Step = Callable[..., Array]


def steps(step: Step, w: Array, gradient: Callable[[Array, int], Array], n: int, **options: Any) -> Iterator[Array]:
    """The weights after each of n steps; `gradient` is asked with the weights and the number of the step, from 1."""
    s: State = defaultdict(float)
    for t in range(1, n + 1):
        w = step(w, gradient(w, t), t, s, **options)
        yield w


def sgd(w: Array, g: Array, t: int, s: State, *, rate: float = 0.01) -> Array:
    """Robbins and Monro, Ann. Math. Statist. 22 (1951)."""
    return w - rate * g


def momentum(w: Array, g: Array, t: int, s: State, *, rate: float = 0.01, mu: float = 0.9) -> Array:
    """Polyak, USSR Comput. Math. 4 (1964); with a velocity as in Sutskever et al., ICML 2013, eqs. 1 and 2."""
    s["v"] = mu * s["v"] - rate * g
    return w + s["v"]


def nesterov(w: Array, g: Array, t: int, s: State, *, rate: float = 0.01, mu: float = 0.9) -> Array:
    """Sutskever et al., ICML 2013, eqs. 3 and 4, at the look-ahead point (Bengio et al., ICASSP 2013, eq. 7)."""
    before, s["v"] = s["v"], mu * s["v"] - rate * g
    return w - mu * before + (1 + mu) * s["v"]


def adagrad(
    w: Array, g: Array, t: int, s: State, *, rate: float = 0.001, start: float = 0.1, epsilon: float = 1e-7
) -> Array:
    """Duchi et al., JMLR 12 (2011), in its diagonal form; the paper has start 0 and epsilon outside the root."""
    if t == 1:
        s["squares"] = start
    s["squares"] = s["squares"] + g**2
    return w - rate * g / np.sqrt(s["squares"] + epsilon)


def adadelta(
    w: Array, g: Array, t: int, s: State, *, rate: float = 0.001, rho: float = 0.95, epsilon: float = 1e-7
) -> Array:
    """Zeiler, arXiv:1212.5701, algorithm 1; the paper has rate 1 and epsilon 1e-6."""
    s["squares"] = rho * s["squares"] + (1 - rho) * g**2
    step = -np.sqrt(s["updates"] + epsilon) / np.sqrt(s["squares"] + epsilon) * g
    s["updates"] = rho * s["updates"] + (1 - rho) * step**2
    return w + rate * step


def rmsprop(
    w: Array,
    g: Array,
    t: int,
    s: State,
    *,
    rate: float = 0.001,
    rho: float = 0.9,
    mu: float = 0.0,
    epsilon: float = 1e-7,
) -> Array:
    """Tieleman and Hinton, Neural Networks for Machine Learning, Coursera, lecture 6.5 (2012), without epsilon."""
    s["squares"] = rho * s["squares"] + (1 - rho) * g**2
    s["v"] = mu * s["v"] + rate * g / np.sqrt(s["squares"] + epsilon)
    return w - s["v"]


def moments(g: Array, s: State, beta_1: float, beta_2: float) -> tuple[Array, Array]:
    """Adam's first and second moment, not yet corrected."""
    s["m"] = beta_1 * s["m"] + (1 - beta_1) * g
    s["v"] = beta_2 * s["v"] + (1 - beta_2) * g**2
    return s["m"], s["v"]


def adam(
    w: Array,
    g: Array,
    t: int,
    s: State,
    *,
    rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    hat: bool = True,
) -> Array:
    """Kingma and Ba, ICLR 2015: with `hat` in the order of computation at the end of section 2, else algorithm 1."""
    m, v = moments(g, s, beta_1, beta_2)
    if hat:
        return w - rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (np.sqrt(v) + epsilon)
    return w - rate * (m / (1 - beta_1**t)) / (np.sqrt(v / (1 - beta_2**t)) + epsilon)


def adamax(
    w: Array,
    g: Array,
    t: int,
    s: State,
    *,
    rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> Array:
    """Kingma and Ba, ICLR 2015, algorithm 2; there without epsilon."""
    s["m"] = beta_1 * s["m"] + (1 - beta_1) * g
    s["u"] = np.maximum(beta_2 * s["u"], np.abs(g))
    return w - rate / (1 - beta_1**t) * s["m"] / (s["u"] + epsilon)


def nadams_momentum(t: int, beta_1: float = 0.9, period: float = 1.0) -> float:
    """The momentum of step t; the paper has a period of 250."""
    return beta_1 * (1 - 0.5 * 0.96 ** (t / period))


def nadam(
    w: Array,
    g: Array,
    t: int,
    s: State,
    *,
    rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> Array:
    """Dozat, ICLR workshop 2016, but m with the constant beta_1, and a momentum that rises 250 times as fast."""
    now, after = nadams_momentum(t, beta_1), nadams_momentum(t + 1, beta_1)
    s["product"] = now * (s["product"] if t > 1 else 1.0)
    m, v = moments(g, s, beta_1, beta_2)
    m_hat = after * m / (1 - s["product"] * after) + (1 - now) * g / (1 - s["product"])
    return w - rate * m_hat / (np.sqrt(v / (1 - beta_2**t)) + epsilon)


def adamw(
    w: Array, g: Array, t: int, s: State, *, rate: float = 0.001, weight_decay: float = 0.004, **options: Any
) -> Array:
    """Loshchilov and Hutter, ICLR 2019, algorithm 2, with rate * weight_decay in place of the paper's weight_decay."""
    return adam(w - rate * weight_decay * w, g, t, s, rate=rate, **options)


def lion(
    w: Array,
    g: Array,
    t: int,
    s: State,
    *,
    rate: float = 0.001,
    weight_decay: float = 0.0,
    beta_1: float = 0.9,
    beta_2: float = 0.99,
) -> Array:
    """Chen et al., NeurIPS 2023, algorithm 2; its code has rate 1e-4."""
    direction = np.sign(beta_1 * s["m"] + (1 - beta_1) * g)
    s["m"] = beta_2 * s["m"] + (1 - beta_2) * g
    return w - rate * (direction + weight_decay * w)


def rms(x: Array) -> Any:
    """Root mean square of all elements."""
    return np.sqrt(np.mean(x**2))


def adafactor(
    w: Array,
    g: Array,
    t: int,
    s: State,
    *,
    rate: float = 0.001,
    beta_2_decay: float = -0.8,
    epsilon_1: float = 1e-16,
    epsilon_2: float = 1e-3,
    clip_threshold: float = 1.0,
) -> Array:
    """Shazeer and Stern, ICML 2018, algorithms 4 to 6; there rate 0.01 and epsilon_1 1e-30."""
    beta_2 = 1 - t**beta_2_decay
    squares = g**2 + epsilon_1
    if w.ndim < 2:
        s["squares"] = beta_2 * s["squares"] + (1 - beta_2) * squares
        v = s["squares"]
    else:
        s["rows"] = beta_2 * s["rows"] + (1 - beta_2) * squares.sum(axis=-1, keepdims=True)
        s["columns"] = beta_2 * s["columns"] + (1 - beta_2) * squares.sum(axis=-2, keepdims=True)
        v = s["rows"] * s["columns"] / s["rows"].sum(axis=-2, keepdims=True)
    u = g / np.sqrt(v)
    return w - max(epsilon_2, rms(w)) * min(rate, t**-0.5) * u / max(1.0, rms(u) / clip_threshold)


def ftrl(
    w: Array,
    g: Array,
    t: int,
    s: State,
    *,
    rate: float = 0.001,
    start: float = 0.1,
    l1: float = 0.0,
    l2: float = 0.0,
    beta: float = 0.0,
) -> Array:
    """McMahan et al., KDD 2013, algorithm 1; the paper has start 0, beta 1, and l2 where Keras has 2 * l2."""
    before = s["n"] if t > 1 else start
    s["n"] = before + g**2
    sigma = (np.sqrt(s["n"]) - np.sqrt(before)) / rate
    s["z"] = s["z"] + g - sigma * w
    shrunk = s["z"] - np.sign(s["z"]) * l1
    return np.where(np.abs(s["z"]) <= l1, 0.0, -shrunk / ((beta + np.sqrt(s["n"])) / rate + 2 * l2))


def muon(
    w: Array,
    g: Array,
    t: int,
    s: State,
    *,
    rate: float = 0.001,
    weight_decay: float = 0.004,
    mu: float = 0.95,
    iterations: int = 5,
    scale: float = 0.2,
) -> Array:
    """Jordan et al., https://kellerjordan.github.io/posts/muon (2024); factor of Liu et al., arXiv:2502.16982.

    Of matrices; all else is AdamW's.
    """
    if w.ndim != 2:
        return adamw(w, g, t, s, rate=rate, weight_decay=weight_decay)
    s["m"] = mu * s["m"] + g
    turned = orthogonal(g + mu * s["m"], iterations)
    return w - rate * weight_decay * w - rate * scale * np.sqrt(max(w.shape)) * turned


def orthogonal(x: Array, iterations: int) -> Array:
    """Jordan's polynomial of the singular values, 3.4445 s - 4.775 s^3 + 2.0315 s^5, applied again and again."""
    u, values, v = np.linalg.svd(x, full_matrices=False)
    values = values / (np.linalg.norm(x) + 1e-7)
    for _ in range(iterations):
        values = 3.4445 * values - 4.775 * values**3 + 2.0315 * values**5
    return u @ np.diag(values) @ v


RIGHT: dict[str, Step] = {
    each.__name__: each
    for each in (
        sgd, momentum, nesterov, adagrad, adadelta, rmsprop, adam, adamax, nadam, adamw, lion, adafactor, ftrl, muon,
    )
}  # fmt: skip


def past_gradient(w: Array, g: Array, t: int, s: State, *, rate: float = 0.01, mu: float = 0.9) -> Array:
    """Wrong: momentum that adds the gradient of the step before, not a velocity."""
    before, s["g"] = s["g"], g
    return w - rate * (g + mu * before)


def adam_without_t(
    w: Array, g: Array, t: int, s: State, *, rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999
) -> Array:
    """Wrong: Adam whose moments are divided by 1 - beta in every step, not by 1 - beta**t."""
    m, v = moments(g, s, beta_1, beta_2)
    return w - rate * (m / (1 - beta_1)) / (np.sqrt(v / (1 - beta_2)) + 1e-7)


def adam_swapped(
    w: Array, g: Array, t: int, s: State, *, rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999
) -> Array:
    """Wrong: Adam that divides the root of the second moment by the first."""
    m, v = moments(g, s, beta_1, beta_2)
    return w - rate * np.sqrt(v / (1 - beta_2**t)) / (m / (1 - beta_1**t) + 1e-7)


def adam_swapped_without_t(
    w: Array, g: Array, t: int, s: State, *, rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999
) -> Array:
    """Wrong: both at once."""
    m, v = moments(g, s, beta_1, beta_2)
    return w - rate * np.sqrt(v / (1 - beta_2)) / (m / (1 - beta_1) + 1e-7)
