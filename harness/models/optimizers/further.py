"""Five optimizers beyond the lecture's; see the package's description for the options common to all."""

import inspect
import re
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from harness.errors import TrialError
from harness.models.optimizers import Decay, Epsilon, Norm, NotNegative, Rate, Schedule, scheduled

if TYPE_CHECKING:
    import keras


def adamw(
    total_steps: int,
    *,
    learning_rate: Rate = 0.001,
    schedule: Schedule = "constant",
    weight_decay: NotNegative = 0.004,
    beta_1: Decay = 0.9,
    beta_2: Decay = 0.999,
    epsilon: Epsilon = 1e-7,
    clipnorm: Norm | None = None,
) -> "keras.optimizers.Optimizer":
    """AdamW, Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019); learning rate 0.001 there and here.

    The paper takes `weight_decay` of each weight in each step, whatever the learning rate; Keras `learning_rate *
    weight_decay`, 4e-6 with the defaults. Keras decays every weight, biases too. The rest is as in `adam`.
    """
    import keras

    return keras.optimizers.AdamW(
        scheduled(learning_rate, schedule, total_steps),
        weight_decay=weight_decay,
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
        clipnorm=clipnorm,
    )


def lion(
    total_steps: int,
    *,
    learning_rate: Rate = 0.001,
    schedule: Schedule = "constant",
    weight_decay: NotNegative | None = None,
    beta_1: Annotated[float, Field(gt=0, lt=1)] = 0.9,
    beta_2: Decay = 0.99,
    clipnorm: Norm | None = None,
) -> "keras.optimizers.Optimizer":
    """Lion, the sign of a momentum (Chen et al., NeurIPS 2023); learning rate 0.0001 in its code, 0.001 in Keras.

    Every weight moves by the whole learning rate in every step, so the paper takes a third to a tenth of Adam's.
    """
    import keras

    return keras.optimizers.Lion(
        scheduled(learning_rate, schedule, total_steps),
        weight_decay=weight_decay,
        beta_1=beta_1,
        beta_2=beta_2,
        clipnorm=clipnorm,
    )


def adafactor(
    total_steps: int,
    *,
    learning_rate: Rate = 0.001,
    schedule: Schedule = "constant",
    beta_2_decay: Annotated[float, Field(lt=0)] = -0.8,
    epsilon_1: Epsilon = 1e-16,
    epsilon_2: Epsilon = 1e-3,
    clip_threshold: Annotated[float, Field(gt=0)] = 1.0,
    clipnorm: Norm | None = None,
) -> "keras.optimizers.Optimizer":
    """Adafactor (Shazeer and Stern, ICML 2018), second moments of rows and columns; step 0.01 there, 0.001 in Keras.

    A step is `min(learning_rate, 1 / sqrt(t))` times the root mean square of the weights, or times `epsilon_2` where
    that is more. With the default the first of the two counts until step 1,000,000, with the paper's until 10,000.
    Keras takes that minimum whether or not its `relative_step` is set (3.10 to 3.15): so it is no option here.
    `epsilon_1` is 1e-30 in the paper and in Keras. There a row and a column without gradient, as of ReLUs never
    active, have a product of 0 in float32, and the whole matrix becomes NaN: here it is 1e-16.
    """
    import keras

    return keras.optimizers.Adafactor(
        scheduled(learning_rate, schedule, total_steps),
        beta_2_decay=beta_2_decay,
        epsilon_1=epsilon_1,
        epsilon_2=epsilon_2,
        clip_threshold=clip_threshold,
        clipnorm=clipnorm,
    )


def ftrl(
    total_steps: int,
    *,
    learning_rate: Rate = 0.001,
    schedule: Schedule = "constant",
    learning_rate_power: Annotated[float, Field(le=0)] = -0.5,
    initial_accumulator_value: NotNegative = 0.1,
    l1_regularization_strength: NotNegative = 0.0,
    l2_regularization_strength: NotNegative = 0.0,
    l2_shrinkage_regularization_strength: NotNegative = 0.0,
    beta: NotNegative = 0.0,
    clipnorm: Norm | None = None,
) -> "keras.optimizers.Optimizer":
    """FTRL-Proximal (McMahan et al., KDD 2013), made for linear models; beta is 1 in the paper, 0 in Keras.

    The paper starts weights and sums of squares at zero, Keras the sums at 0.1. It does not remember what a network's
    weights started from: its first step keeps `1 - sqrt(s / (s + g**2))` of each, where s is
    `initial_accumulator_value`: 0.05 % after a gradient of 0.01, and a network with hidden layers, all its weights next
    to zero, hardly learns. With s = 1e-10 it keeps 99.9 %. Keras has twice the paper's `l2_regularization_strength`.
    """
    import keras

    return keras.optimizers.Ftrl(
        scheduled(learning_rate, schedule, total_steps),
        learning_rate_power=learning_rate_power,
        initial_accumulator_value=initial_accumulator_value,
        l1_regularization_strength=l1_regularization_strength,
        l2_regularization_strength=l2_regularization_strength,
        l2_shrinkage_regularization_strength=l2_shrinkage_regularization_strength,
        beta=beta,
        clipnorm=clipnorm,
    )


def muon(
    total_steps: int,
    *,
    learning_rate: Rate = 0.001,
    schedule: Schedule = "constant",
    weight_decay: NotNegative | None = 0.004,
    momentum: Decay = 0.95,
    nesterov: bool = True,
    ns_steps: Annotated[int, Field(ge=1, le=100)] = 5,
    rms_rate: Annotated[float, Field(gt=0)] | None = 0.2,
    exclude_layers: tuple[Annotated[str, Field(min_length=1)], ...] = ("predictions",),
    adam_lr_ratio: Annotated[float, Field(gt=0)] = 1.0,
    adam_weight_decay: NotNegative | None = 0.004,
    adam_beta_1: Decay = 0.9,
    adam_beta_2: Decay = 0.999,
    epsilon: Epsilon = 1e-7,
    clipnorm: Norm | None = None,
) -> "keras.optimizers.Optimizer":
    """Muon, orthogonalised momentum of weight matrices (Jordan et al., 2024), for all other weights AdamW.

    Muon gets the matrices of dense and recurrent layers; AdamW gets biases, convolutions (Jordan's Muon takes them,
    flattened), embeddings, and every layer whose name has a word of `exclude_layers` in it: as Jordan advises, the
    output layer, which the harness's networks call `predictions`. Keras scales a step by `rms_rate * sqrt(longer side)`
    (Liu et al., arXiv:2502.16982), so that Adam's learning rates do for both; Jordan has 0.02 and
    `sqrt(max(1, outputs / inputs))`. Keras takes `learning_rate * weight_decay` of every weight in every step.

    Raises
    ------
    TrialError
        If the installed Keras is older than 3.13: in 3.10 to 3.12 Muon cannot train with TensorFlow.
    """
    import keras

    # Came in Keras 3.13, as did what made Muon work with TensorFlow (keras-team/keras, #21885 and #21924).
    if "rms_rate" not in inspect.signature(getattr(keras.optimizers, "Muon", object)).parameters:
        raise TrialError(f"muon needs Keras 3.13 or newer, this is {keras.__version__}; pip install 'keras>=3.13'")
    return keras.optimizers.Muon(
        scheduled(learning_rate, schedule, total_steps),
        weight_decay=weight_decay,
        momentum=momentum,
        nesterov=nesterov,
        ns_steps=ns_steps,
        rms_rate=rms_rate,
        exclude_layers=[re.escape(word) for word in exclude_layers],
        adam_lr_ratio=adam_lr_ratio,
        adam_weight_decay=adam_weight_decay,
        adam_beta_1=adam_beta_1,
        adam_beta_2=adam_beta_2,
        epsilon=epsilon,
        clipnorm=clipnorm,
    )
