"""The nine optimizers of the textbook, each `name(total_steps, *, options) -> keras.optimizers.Optimizer`.

`total_steps` is the number of gradient steps that training will make, so that a schedule knows its length. Every
default is Keras's, so that a suite that names only an optimizer sees what a Keras user sees. Keras differs from the
paper in the learning rate of AdaGrad and AdaDelta, in the epsilons, and in AdaGrad's non-zero starting accumulator.

Options common to all nine
--------------------------
learning_rate
    Of the first step.
schedule
    How the learning rate falls until `total_steps`: `constant`; `cosine`, to zero along half a cosine (Loshchilov and
    Hutter, ICLR 2017); `exponential`, to one hundredth by the same factor in every step; `step`, divided by ten after
    one half and again after three quarters (He et al., CVPR 2016).
clipnorm
    Largest Euclidean norm that the gradient of one weight tensor keeps; no clipping where not given.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

if TYPE_CHECKING:
    import keras

Rate = Annotated[float, Field(gt=0)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Epsilon = Annotated[float, Field(gt=0)]
Norm = Annotated[float, Field(gt=0)]
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


def sgd(
    total_steps: int,
    *,
    learning_rate: Rate = 0.01,
    schedule: Schedule = "constant",
    clipnorm: Norm | None = None,
) -> "keras.optimizers.Optimizer":
    """Stochastic gradient descent (Robbins and Monro, 1951)."""
    import keras

    return keras.optimizers.SGD(scheduled(learning_rate, schedule, total_steps), clipnorm=clipnorm)


def momentum(
    total_steps: int,
    *,
    learning_rate: Rate = 0.01,
    schedule: Schedule = "constant",
    momentum: Decay = 0.9,
    clipnorm: Norm | None = None,
) -> "keras.optimizers.Optimizer":
    """SGD with a heavy ball (Polyak, 1964); Keras's own default of momentum is 0, here 0.9."""
    import keras

    return keras.optimizers.SGD(
        scheduled(learning_rate, schedule, total_steps), momentum=momentum, clipnorm=clipnorm, name="momentum"
    )


def nesterov(
    total_steps: int,
    *,
    learning_rate: Rate = 0.01,
    schedule: Schedule = "constant",
    momentum: Decay = 0.9,
    clipnorm: Norm | None = None,
) -> "keras.optimizers.Optimizer":
    """SGD with Nesterov's accelerated gradient (Nesterov, 1983; in the form of Sutskever et al., ICML 2013)."""
    import keras

    rate = scheduled(learning_rate, schedule, total_steps)
    return keras.optimizers.SGD(rate, momentum=momentum, nesterov=True, clipnorm=clipnorm, name="nesterov")


def adagrad(
    total_steps: int,
    *,
    learning_rate: Rate = 0.001,
    schedule: Schedule = "constant",
    initial_accumulator_value: Annotated[float, Field(ge=0)] = 0.1,
    epsilon: Epsilon = 1e-7,
    clipnorm: Norm | None = None,
) -> "keras.optimizers.Optimizer":
    """AdaGrad (Duchi et al., JMLR 2011); the usual learning rate is 0.01, Keras's default is 0.001.

    The paper starts the accumulator at zero; Keras at 0.1, and has epsilon under the root.
    """
    import keras

    return keras.optimizers.Adagrad(
        scheduled(learning_rate, schedule, total_steps),
        initial_accumulator_value=initial_accumulator_value,
        epsilon=epsilon,
        clipnorm=clipnorm,
    )


def adadelta(
    total_steps: int,
    *,
    learning_rate: Rate = 0.001,
    schedule: Schedule = "constant",
    rho: Decay = 0.95,
    epsilon: Epsilon = 1e-7,
    clipnorm: Norm | None = None,
) -> "keras.optimizers.Optimizer":
    """AdaDelta (Zeiler, arXiv:1212.5701); the paper has no learning rate (1.0), Keras's default is 0.001.

    The paper's epsilon is 1e-6.
    """
    import keras

    return keras.optimizers.Adadelta(
        scheduled(learning_rate, schedule, total_steps), rho=rho, epsilon=epsilon, clipnorm=clipnorm
    )


def rmsprop(
    total_steps: int,
    *,
    learning_rate: Rate = 0.001,
    schedule: Schedule = "constant",
    rho: Decay = 0.9,
    momentum: Decay = 0.0,
    epsilon: Epsilon = 1e-7,
    clipnorm: Norm | None = None,
) -> "keras.optimizers.Optimizer":
    """RMSProp (Tieleman and Hinton, Coursera lecture 6.5, 2012); learning rate 0.001 there and in Keras."""
    import keras

    return keras.optimizers.RMSprop(
        scheduled(learning_rate, schedule, total_steps), rho=rho, momentum=momentum, epsilon=epsilon, clipnorm=clipnorm
    )


def adam(
    total_steps: int,
    *,
    learning_rate: Rate = 0.001,
    schedule: Schedule = "constant",
    beta_1: Decay = 0.9,
    beta_2: Decay = 0.999,
    epsilon: Epsilon = 1e-7,
    clipnorm: Norm | None = None,
) -> "keras.optimizers.Optimizer":
    """Adam (Kingma and Ba, ICLR 2015); learning rate 0.001 there and in Keras, epsilon 1e-8 there, 1e-7 in Keras.

    Keras adds epsilon before correcting the second moment's bias ("epsilon hat" in the paper, section 2).
    """
    import keras

    return keras.optimizers.Adam(
        scheduled(learning_rate, schedule, total_steps),
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
        clipnorm=clipnorm,
    )


def adamax(
    total_steps: int,
    *,
    learning_rate: Rate = 0.001,
    schedule: Schedule = "constant",
    beta_1: Decay = 0.9,
    beta_2: Decay = 0.999,
    epsilon: Epsilon = 1e-7,
    clipnorm: Norm | None = None,
) -> "keras.optimizers.Optimizer":
    """AdaMax (Kingma and Ba, ICLR 2015, section 7.1); learning rate 0.002 there, 0.001 in Keras."""
    import keras

    return keras.optimizers.Adamax(
        scheduled(learning_rate, schedule, total_steps),
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
        clipnorm=clipnorm,
    )


def nadam(
    total_steps: int,
    *,
    learning_rate: Rate = 0.001,
    schedule: Schedule = "constant",
    beta_1: Decay = 0.9,
    beta_2: Decay = 0.999,
    epsilon: Epsilon = 1e-7,
    clipnorm: Norm | None = None,
) -> "keras.optimizers.Optimizer":
    """Nadam, Adam with Nesterov momentum (Dozat, ICLR workshop 2016); learning rate 0.002 there, 0.001 in Keras.

    Both raise the momentum as beta_1 * (1 - 0.96**x / 2): with x = t / 250 in the paper; with x = t, faster, in Keras.
    """
    import keras

    return keras.optimizers.Nadam(
        scheduled(learning_rate, schedule, total_steps),
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
        clipnorm=clipnorm,
    )
