"""A Keras network as a scikit-learn classifier: built, trained and timed from its specification."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from harness.data.subsets import validation_split
from harness.errors import DivergedError
from harness.registry import build

if TYPE_CHECKING:
    import keras

    from harness.suite.model import Part, TrainSpec

PREDICT_BATCH_SIZE = 256


class NetworkClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A registered network and optimizer, trained on images by a recipe.

    Parameters
    ----------
    network, optimizer
        Registered names with their parameters.
    train
        Epochs, batch size, validation part and so on. Where the training images are so few that `epochs` would make
        fewer than `train.min_steps` gradient steps, each epoch passes over them several times, in random order.
    n_classes
        Number of outputs, whether or not a small subset holds an image of every class; labels are 0 to n_classes - 1.
    seed
        Of the weights, the order of the images, dropout and the validation part.
    on_epoch
        Called with each row of `epochs_` as soon as the epoch ends.

    Attributes
    ----------
    model_ : keras.Model
        The trained network.
    classes_ : ndarray of int64, shape (n_classes,)
        The labels, in the order of the probabilities.
    epochs_ : list of dict
        Per epoch: `epoch` (from 1), `loss` and `accuracy` (means over the epoch, while the weights change and with
        dropout), `val_loss` and `val_accuracy` (after the epoch; NaN without a validation part), `learning_rate` (of
        the epoch's first step), `seconds` (since training began, building not counted).
    build_s_ : float
        Seconds for building and compiling the network.
    first_step_s_ : float
        Seconds for the first call of the training function, which traces and compiles it. It makes
        `train.steps_per_execution` gradient steps.
    n_parameters_ : int
        All weights of the network, the moving averages of batch normalisation included.
    learning_rate_ : float
        Of the first step.
    """

    def __init__(
        self,
        *,
        network: Part,
        optimizer: Part,
        train: TrainSpec,
        n_classes: int,
        seed: int,
        on_epoch: Callable[[dict[str, float]], None] | None = None,
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.train = train
        self.n_classes = n_classes
        self.seed = seed
        self.on_epoch = on_epoch

    def fit(self, images: NDArray[np.uint8], y: NDArray[np.int64]) -> Self:
        """Build the network and train it.

        Parameters
        ----------
        images
            uint8, shape (n, h, w) or (n, h, w, channels).
        y
            Labels from 0 to n_classes - 1, shape (n,).

        Raises
        ------
        DivergedError
            If an epoch's loss is NaN or infinite; `epochs_` holds the epochs up to that one.
        """
        import keras

        started = time.perf_counter()
        keras.utils.set_random_seed(self.seed)
        self.classes_ = np.arange(self.n_classes)
        self.epochs_: list[dict[str, float]] = []
        validation = None
        if self.train.validation_fraction:
            fitted, held_out = validation_split(y, self.train.validation_fraction, self.seed)
            validation = (as_input(images[held_out]), y[held_out])
            images, y = images[fitted], y[fitted]
        x = as_input(images)
        passes, total_steps = planned(len(x), self.train)
        if passes > 1:
            x, y = np.concatenate([x] * passes), np.concatenate([y] * passes)

        self.model_: keras.Model = build(
            "networks", self.network.name, self.network.params, x.shape[1:], self.n_classes
        )
        optimizer = build("optimizers", self.optimizer.name, self.optimizer.params, total_steps)
        self.model_.compile(
            optimizer=optimizer,
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            steps_per_execution=self.train.steps_per_execution,
            # Without it Keras has JAX run every operation by itself.
            jit_compile=bool(self.train.jit_compile) or keras.backend.backend() == "jax",
        )
        self.n_parameters_ = int(self.model_.count_params())
        self.learning_rate_ = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        self.build_s_ = time.perf_counter() - started

        self._time_first_step()
        self.model_.fit(
            x,
            y,
            batch_size=self.train.batch_size,
            epochs=self.train.epochs,
            validation_data=validation,
            validation_batch_size=PREDICT_BATCH_SIZE,
            shuffle=True,
            verbose=0,
            callbacks=self._callbacks(),
        )
        last = self.epochs_[-1]
        if not math.isfinite(last["loss"]):
            raise DivergedError(
                f"loss became {last['loss']} in epoch {last['epoch']}; learning_rate {self.learning_rate_:g}: lower it"
            )
        return self

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Class probabilities.

        Parameters
        ----------
        images
            uint8, shape (n, h, w) or (n, h, w, channels).

        Returns
        -------
        ndarray of float32, shape (n, n_classes)
        """
        check_is_fitted(self, "model_")
        probabilities: NDArray[np.float32] = self.model_.predict(
            as_input(images), batch_size=PREDICT_BATCH_SIZE, verbose=0
        )
        return probabilities

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The most probable label of each image; see `predict_proba`."""
        labels: NDArray[np.int64] = self.classes_[self.predict_proba(images).argmax(axis=1)]
        return labels

    def _time_first_step(self) -> None:
        """Have the next call of the model's training function timed, and no later one touched."""
        model = self.model_
        model.make_train_function()
        train_function = model.train_function

        def timed(*args: Any) -> Any:
            started = time.perf_counter()
            result = train_function(*args)
            # The JAX trainer returns (logs, state), the others logs; reading the loss waits for the device.
            logs = result[0] if isinstance(result, tuple) else result
            float(logs["loss"])
            self.first_step_s_ = time.perf_counter() - started
            model.train_function = train_function
            return result

        model.train_function = timed

    def _callbacks(self) -> list[keras.callbacks.Callback]:
        """The epoch log, and early stopping where it is asked for."""
        import keras

        model = self.model_
        started = time.perf_counter()
        rate = math.nan

        def epoch_begins(epoch: int, logs: dict[str, float] | None = None) -> None:
            nonlocal rate
            rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))

        def epoch_ends(epoch: int, logs: dict[str, float] | None = None) -> None:
            row: dict[str, float] = {"epoch": epoch + 1}
            for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
                row[name] = float((logs or {}).get(name, math.nan))
            row |= {"learning_rate": rate, "seconds": time.perf_counter() - started}
            self.epochs_.append(row)
            if not math.isfinite(row["loss"]):
                model.stop_training = True
            if self.on_epoch is not None:
                self.on_epoch(row)

        callbacks = [keras.callbacks.LambdaCallback(on_epoch_begin=epoch_begins, on_epoch_end=epoch_ends)]
        if (stopping := self.train.early_stopping) is not None:
            callbacks.append(
                keras.callbacks.EarlyStopping(
                    monitor="val_loss",
                    mode="min",
                    patience=stopping.patience,
                    min_delta=stopping.min_delta,
                    restore_best_weights=stopping.restore_best,
                )
            )
        return callbacks


def planned(n_images: int, train: TrainSpec) -> tuple[int, int]:
    """How often one epoch passes over that many training images, and the gradient steps of all epochs.

    Once, or as often as `train.min_steps` needs. An epoch costs Keras some 0.1 s beside its steps, so a hundred images
    in more epochs would take many times as long as the same steps in fewer, longer ones.

    Returns
    -------
    tuple of int
        Passes per epoch, and gradient steps in all.
    """
    least = math.ceil(train.min_steps / train.epochs)
    # The fewest passes whose images fill at least that many batches, the last of which may be small.
    passes = max(1, train.batch_size * (least - 1) // n_images + 1)
    return passes, train.epochs * math.ceil(n_images * passes / train.batch_size)


def as_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 images (n, h, w[, channels]) as float32 in [0, 1], shape (n, h, w, channels)."""
    x = images.astype(np.float32)
    x /= 255
    return x if x.ndim == 4 else x[..., np.newaxis]
