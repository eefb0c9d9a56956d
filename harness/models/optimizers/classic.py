"""The nine optimizers of the lecture; see the package's description for the options common to all."""

from typing import TYPE_CHECKING

from harness.models.optimizers import Decay, Epsilon, Norm, NotNegative, Rate, Schedule, scheduled

if TYPE_CHECKING:
    import keras


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
    initial_accumulator_value: NotNegative = 0.1,
    epsilon: Epsilon = 1e-7,
    clipnorm: Norm | None = None,
) -> "keras.optimizers.Optimizer":
    """AdaGrad (Duchi et al., JMLR 2011); the usual learning rate is 0.01, Keras's default is 0.001.

    The paper starts the accumulator at zero, so that the first step is the learning rate whatever the gradient; Keras
    at 0.1, so that a first gradient of 0.01 makes a step of 0.03 learning rates. Keras has epsilon under the root.
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
    """RMSProp (Tieleman and Hinton, Coursera lecture 6.5, 2012); learning rate 0.001 there and in Keras.

    Keras adds its epsilon of 1e-7 under the root, so that gradients far below 3e-4 make shorter steps; the lecture has
    none.
    """
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
    """AdaMax (Kingma and Ba, ICLR 2015, section 7.1); learning rate 0.002 there, 0.001 in Keras.

    The paper divides by the norm alone; Keras adds 1e-7 to it.
    """
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

    Both raise the momentum as beta_1 * (1 - 0.96**x / 2), the paper with x = t / 250, Keras with x = t: in step 100 it
    is 0.457 in the paper and 0.892 in Keras.
    """
    import keras

    return keras.optimizers.Nadam(
        scheduled(learning_rate, schedule, total_steps),
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
        clipnorm=clipnorm,
    )
