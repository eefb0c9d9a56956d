"""A Keras network as a scikit-learn classifier: built, trained and timed from its specification."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from harness.data.rows import Rows
from harness.data.subsets import validation_split
from harness.errors import DivergedError, TrialError
from harness.models import defaults, schemes
from harness.models.clock import StepClock
from harness.models.forward import forward
from harness.models.inputs import Inputs, as_input, input_shape, sample
from harness.models.steps import planned
from harness.registry import build

if TYPE_CHECKING:
    import keras

    from harness.suite.model import Part, TrainSpec
    from harness.suite.plan import Trial

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
        `train.scheme` says which layers are trained when; see `harness.models.schemes.stages`. Where they come from
        another dataset, the same recipe trains them there first, jointly.
    n_classes
        Number of outputs, whether or not a small subset holds an image of every class; labels are 0 to n_classes - 1.
    seed
        Of the weights, the order of the images, dropout and the validation part.
    device
        `cpu` or `gpu`: whose defaults of precision and compilation apply where `train` says nothing. Where the network
        is computed is the backend's choice, made when it is imported.
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
        the epoch's first step), `seconds` (since training began, building not counted, training on another dataset
        included). Of several stages one after the other, each with the scores of its own softmax.
    precision_, jit_compile_
        The dtype policy of the layers, and whether the training function is compiled; see `harness.models.defaults`.
    stages_ : list of Stage
        What was trained together, and for how long; one where all layers are trained at once.
    source_s_ : float
        Seconds for reading and training on another dataset, 0 without one; the `epochs_` are those after it.
    build_s_ : float
        Seconds for building and compiling the network, of several stages the first.
    first_step_s_ : float
        Seconds for the first call of the training function, which traces and compiles it. It makes
        `train.steps_per_execution` gradient steps.
    step_s_ : float or None
        Mean seconds of a gradient step in the steady state, of the first stage; see
        `harness.models.clock.StepClock.step_s`.
    n_parameters_ : int
        All weights of the network, the moving averages of batch normalisation included.
    learning_rate_ : float
        Of the first step.
    """

    jit_compile_: bool

    def __init__(
        self,
        *,
        network: Part,
        optimizer: Part,
        train: TrainSpec,
        n_classes: int,
        seed: int,
        device: str = "cpu",
        on_epoch: Callable[[dict[str, float]], None] | None = None,
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.train = train
        self.n_classes = n_classes
        self.seed = seed
        self.device = device
        self.on_epoch = on_epoch

    @classmethod
    def of(
        cls, trial: Trial, n_classes: int, on_epoch: Callable[[dict[str, float]], None] | None = None
    ) -> NetworkClassifier:
        """The classifier of a trial whose pipeline has a network; parameters as of the class."""
        assert trial.spec.network is not None
        assert trial.optimizer is not None
        return cls(
            network=trial.spec.network,
            optimizer=trial.optimizer,
            train=trial.train,
            n_classes=n_classes,
            seed=trial.seed,
            device=trial.device,
            on_epoch=on_epoch,
        )

    def fit(self, images: Inputs, y: NDArray[np.int64]) -> Self:
        """Build the network and train it.

        Parameters
        ----------
        images
            uint8, shape (n, h, w) or (n, h, w, channels); or features, float32 of shape (n, d). `Rows` that are too
            many for memory are read batch by batch.
        y
            Labels from 0 to n_classes - 1, shape (n,).

        Raises
        ------
        DivergedError
            If an epoch's loss is NaN or infinite, or a weight is at the end; `epochs_` holds the epochs up to then.
        TrialError
            If the backend cannot train as asked.
        """
        from harness.models.batches import Batches

        self.epochs_: list[dict[str, float]] = []
        validation = None
        if self.train.validation_fraction:
            fitted, held_out = validation_split(y, self.train.validation_fraction, self.seed)
            held = images[held_out]
            validation = (
                Batches(held, y[held_out], PREDICT_BATCH_SIZE)
                if isinstance(held, Rows)
                else (as_input(held), y[held_out])
            )
            images, y = images[fitted], y[fitted]
        lent, self.source_s_ = self._learned_elsewhere(images.shape[1:])
        started = time.perf_counter()
        self.build(images)
        if lent is not None:
            schemes.lend(lent, self.model_)
        passes, _ = planned(len(y), self.train)
        steps = math.ceil(len(y) * passes / self.train.batch_size)
        with dtype_policy(self.precision_):
            self.stages_ = schemes.stages(self.model_, self.train.scheme_name, self.train.epochs, steps, self.n_classes)
        trained = self._compiled(self.stages_[0])
        self.n_parameters_ = int(self.model_.count_params())
        self.build_s_ = time.perf_counter() - started

        if isinstance(images, Rows):
            data: dict[str, Any] = {"x": Batches(images, y, self.train.batch_size, passes, self.seed)}
        else:
            x = as_input(images)
            if passes > 1:
                x, y = np.concatenate([x] * passes), np.concatenate([y] * passes)
            data = {"x": x, "y": y, "batch_size": self.train.batch_size, "shuffle": True}
        if validation is not None:
            data |= {"validation_data": validation, "validation_batch_size": PREDICT_BATCH_SIZE}
        began = time.perf_counter() - self.source_s_
        for number, stage in enumerate(self.stages_):
            if number:
                trained = self._compiled(stage)
            self._run(stage, trained, data, began, steps)
        # Rectifiers hide weights that are NaN from the loss.
        if not all(np.isfinite(weights).all() for weights in self.model_.get_weights()):
            raise DivergedError(f"weights became NaN or infinite; learning_rate {self.learning_rate_:g}: lower it")
        return self

    def _learned_elsewhere(self, shape: tuple[int, ...]) -> tuple[keras.Model | None, float]:
        """The network after joint training on another dataset, where the scheme wants that, and the seconds it took."""
        if isinstance(self.train.scheme, str):
            return None, 0.0
        import keras

        started = time.perf_counter()
        images, y, n_classes = schemes.source_images(self.train.scheme.transferred, self.seed, shape)
        recipe = self.train.model_copy(update={"scheme": "joint", "validation_fraction": 0.0})
        lender = NetworkClassifier(
            network=self.network,
            optimizer=self.optimizer,
            train=recipe,
            n_classes=n_classes,
            seed=self.seed,
            device=self.device,
        ).fit(images, y)
        # So that layers have the same names as without it.
        keras.backend.clear_session(free_memory=False)
        return lender.model_, time.perf_counter() - started

    def _compiled(self, stage: schemes.Stage) -> keras.Model:
        """What is trained in a stage, with an optimizer of its own."""
        import keras

        schemes.freeze(stage.frozen)
        trained = self._augmented(stage.model)
        optimizer = build("optimizers", self.optimizer.name, self.optimizer.params, stage.epochs * stage.steps)
        trained.compile(
            optimizer=optimizer,
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            steps_per_execution=self.train.steps_per_execution,
            jit_compile=self.jit_compile_,
        )
        # Keras does not compile a network with a layer that XLA cannot, such as cuDNN's LSTM and GRU.
        self.jit_compile_ = bool(trained.jit_compile)
        self.learning_rate_ = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        return trained

    def _run(self, stage: schemes.Stage, trained: keras.Model, data: dict[str, Any], began: float, steps: int) -> None:
        """Train a stage; `steps` is how many an epoch has that passes over all images."""
        import keras

        clock = StepClock(trained, keras.backend.backend(), stage.steps, self.train.steps_per_execution)
        trained.fit(
            **data,
            epochs=stage.epochs,
            steps_per_epoch=None if stage.steps == steps else stage.steps,
            verbose=0,
            callbacks=self._callbacks(trained, clock, began),
        )
        last = self.epochs_[-1]
        if not math.isfinite(last["loss"]):
            raise DivergedError(
                f"loss became {last['loss']} in epoch {last['epoch']}; learning_rate {self.learning_rate_:g}: lower it"
            )

    def build(self, images: Inputs) -> Self:
        """Build the network, untrained, for images like these, which its layers with `adapt` see.

        Parameters
        ----------
        images
            As of `fit`.

        Raises
        ------
        TrialError
            If the backend cannot train as asked, or the network cannot be built.
        """
        import keras

        backend = keras.backend.backend()
        if told := defaults.refused(self.train, backend):
            raise TrialError(told)
        self.precision_, self.jit_compile_ = defaults.settings(self.train, backend, self.device)
        keras.utils.set_random_seed(self.seed)
        self.classes_ = np.arange(self.n_classes)
        with dtype_policy(self.precision_):
            self.model_: keras.Model = build(
                "networks", self.network.name, self.network.params, input_shape(images), self.n_classes
            )
        # Keras's name for layers that look at the training images before training, such as its Normalization.
        adapting = [layer for layer in self.model_.layers if hasattr(layer, "adapt")]
        if adapting:
            seen = sample(images, self.seed)
            for layer in adapting:
                layer.adapt(seen)
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

    def serve(self) -> Callable[[NDArray[np.uint8]], NDArray[np.int64]]:
        """The trained network as one compiled call, from images to labels; see `harness.models.forward`."""
        check_is_fitted(self, "model_")
        import keras

        call = forward(self.model_, keras.backend.backend(), self.jit_compile_)

        def labels(images: NDArray[np.uint8]) -> NDArray[np.int64]:
            found: NDArray[np.int64] = self.classes_[call(as_input(images)).argmax(axis=1)]
            return found

        return labels

    def _augmented(self, model: keras.Model) -> keras.Model:
        """What is trained: a network itself, or behind a layer that changes its training images."""
        if self.train.augment is None:
            return model
        import keras

        from harness.models.augment import Augmentation

        # What is not compiled itself would follow Keras's default, also when it predicts.
        model.jit_compile = self.jit_compile_
        layer = Augmentation(seed=self.seed, **self.train.augment.model_dump())
        return keras.Sequential([keras.Input(model.input_shape[1:]), layer, model])

    def _callbacks(self, model: keras.Model, clock: StepClock, began: float) -> list[keras.callbacks.Callback]:
        """The epoch log and clock, and early stopping where it is asked for."""
        import keras

        before = len(self.epochs_)
        rate = math.nan

        def epoch_begins(epoch: int, logs: dict[str, float] | None = None) -> None:
            nonlocal rate
            rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
            clock.epoch_begins()

        def validation_begins(logs: dict[str, float] | None = None) -> None:
            clock.steps_end()

        def epoch_ends(epoch: int, logs: dict[str, float] | None = None) -> None:
            clock.steps_end()
            if not before:
                self.first_step_s_, self.step_s_ = clock.first_step_s, clock.step_s
            row: dict[str, float] = {"epoch": before + epoch + 1}
            for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
                row[name] = float((logs or {}).get(name, math.nan))
            row |= {"learning_rate": rate, "seconds": time.perf_counter() - began}
            self.epochs_.append(row)
            if not math.isfinite(row["loss"]):
                model.stop_training = True
            if self.on_epoch is not None:
                self.on_epoch(row)

        callbacks = [
            keras.callbacks.LambdaCallback(
                on_epoch_begin=epoch_begins, on_epoch_end=epoch_ends, on_test_begin=validation_begins
            )
        ]
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


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Have layers that are made meanwhile follow a Keras dtype policy, such as `mixed_bfloat16`."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
