"""Fourteen optimizers, each `name(total_steps, *, options) -> keras.optimizers.Optimizer`.

`total_steps` is the number of gradient steps that training will make, so that a schedule knows its length. Every
default is Keras's, so that a suite that names only an optimizer sees what a Keras user sees, or the optimizer's
description says why not; where it is not what the paper has, the description says so with its number. The file
docs/optimizers.md has every equation, and tests/models/textbook.py computes it. `classic` has the nine of the lecture,
`further` five others.

Options common to all
---------------------
learning_rate
    Of the first step.
schedule
    How the learning rate falls until `total_steps`: `constant`; `cosine`, to zero along half a cosine (Loshchilov and
    Hutter, ICLR 2017); `exponential`, to one hundredth by the same factor in every step; `step`, divided by ten after
    one half and again after three quarters (He et al., CVPR 2016).
clipnorm
    Largest Euclidean norm that the gradient of one weight tensor keeps; no clipping where not given.

Options of some
---------------
momentum
    Share of the last step that the next one keeps.
nesterov
    Look ahead by the momentum before the gradient is taken.
rho
    Share of the old in the running mean of squared gradients.
beta_1, adam_beta_1
    Share of the old in the running mean of gradients.
beta_2, adam_beta_2
    Share of the old in the running mean of their squares (in Lion, of gradients).
epsilon
    Added to what is divided by, so that it is never zero.
initial_accumulator_value
    What the sums of squared gradients begin with.
weight_decay, adam_weight_decay
    What each weight loses of itself in a step, times the learning rate; none where not given.
epsilon_1
    Added to the squared gradients.
epsilon_2
    Least size (root mean square) of a weight matrix, by which a step is scaled.
clip_threshold
    Largest root mean square of a step before it is scaled.
beta_2_decay
    Power of the step number by which the running mean of squared gradients takes in less of the new.
learning_rate_power
    Power of the summed squared gradients by which the learning rate falls.
l1_regularization_strength, l2_regularization_strength, l2_shrinkage_regularization_strength
    Weights of the L1 and L2 penalties; the last counts in the gradient only.
beta
    Added to the root of the summed squared gradients.
ns_steps
    Newton-Schulz iterations of the orthogonalisation.
rms_rate
    A step of a matrix is scaled by this times the root of its longer side; by its proportions where not given.
exclude_layers
    Layers with one of these words in their names are left to AdamW.
adam_lr_ratio
    AdamW's learning rate as a multiple of Muon's.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

Rate = Annotated[float, Field(gt=0)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Epsilon = Annotated[float, Field(gt=0)]
Norm = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Schedule = Literal["constant", "cosine", "exponential", "step"]


def scheduled(learning_rate: float, schedule: Schedule, total_steps: int) -> Any:
    """The learning rate as Keras takes it: a number, or a function of the step.

    Parameters
    ----------
    learning_rate
        Of the first step.
    schedule
        How it falls; see the module's description.
    total_steps
        Gradient steps until the schedule's end.

    Returns
    -------
    float or keras.optimizers.schedules.LearningRateSchedule
    """
    if schedule == "constant":
        return learning_rate
    from keras.optimizers import schedules

    if schedule == "cosine":
        return schedules.CosineDecay(learning_rate, decay_steps=total_steps)
    if schedule == "exponential":
        return schedules.ExponentialDecay(learning_rate, decay_steps=total_steps, decay_rate=0.01)
    # Keras keeps a value up to and including its boundary, counting steps from zero.
    boundaries = [max(1, total_steps // 2) - 1, max(2, 3 * total_steps // 4) - 1]
    return schedules.PiecewiseConstantDecay(boundaries, [learning_rate, learning_rate / 10, learning_rate / 100])
