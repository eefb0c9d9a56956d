"""What a network has learned, as features for an estimator."""

from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from harness.errors import TrialError
from harness.features.base import FloatMatrix, Takes, check_images, names_of_axes
from harness.models.inputs import as_input
from harness.models.network_classifier import PREDICT_BATCH_SIZE, NetworkClassifier
from harness.suite.model import DEFAULT_OPTIMIZER, PartSpec, TrainSpec


class Embedding(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """A network's inner layer as features: trained on the training images, or as its own weights have it.

    With an estimator after it this is the hybrid of deep features and a traditional classifier (Donahue et al., DeCAF,
    ICML 2014; Sharif Razavian et al., CVPR workshops 2014). With `trained: false` and random weights it is the control
    of random features.

    Parameters
    ----------
    network
        A registered network with its parameters.
    layer
        Name of the layer whose output, flattened, is the features; the one before the probabilities where not given.
    trained
        Train the network, with its own softmax, on the training images and labels first. Without it the network stays
        as it is built: with pretrained weights where it has any, else with random ones.
    optimizer, train
        How it is trained, as in a pipeline.
    random_state
        Seed of the weights and of the training; the trial's seed where not given.
    """

    takes: ClassVar[Takes] = "images"
    learned: ClassVar[bool] = True
    keras: ClassVar[bool] = True

    def __init__(
        self,
        *,
        network: PartSpec,
        layer: str | None = None,
        trained: bool = True,
        optimizer: PartSpec | None = None,
        train: TrainSpec | None = None,
        random_state: Annotated[int, Field(ge=0)] | None = None,
    ) -> None:
        self.network = network
        self.layer = layer
        self.trained = trained
        self.optimizer = optimizer
        self.train = train
        self.random_state = random_state

    def fit(self, X: NDArray[np.uint8], y: NDArray[np.int64] | None = None) -> Self:  # noqa: N803
        """Build the network and, where it is to be, train it on uint8 images (n, h, w) or (n, h, w, c) and labels.

        Raises
        ------
        TrialError
            If the network has no such layer, or training needs labels and there are none.
        """
        import keras

        self.image_shape_ = check_images(X)
        # So that layers have the same names however many networks were built before.
        keras.backend.clear_session(free_memory=False)
        classifier = NetworkClassifier(
            network=self.network,
            optimizer=self.optimizer or DEFAULT_OPTIMIZER,
            train=self.train or TrainSpec(),
            n_classes=int(y.max()) + 1 if y is not None and len(y) else 2,
            seed=self.random_state or 0,
        )
        if not self.trained:
            classifier.build(X)
        elif y is None:
            raise TrialError("embedding: training a network needs labels; set trained: false for one as it is built")
        else:
            classifier.fit(X, y)
        whole = classifier.model_
        names = [layer.name for layer in whole.layers]
        if self.layer is not None and self.layer not in names:
            raise TrialError(f"embedding: {self.network.name} has no layer {self.layer!r}; it has {', '.join(names)}")
        inner = whole.layers[-1].input if self.layer is None else whole.get_layer(self.layer).output
        self.model_ = keras.Model(whole.inputs, keras.layers.Flatten(dtype="float32")(inner))
        self.n_parameters_ = int(self.model_.count_params())
        return self

    def transform(self, X: NDArray[np.uint8]) -> FloatMatrix:  # noqa: N803
        """The layer's output, flattened, as float32 of (n, d)."""
        check_is_fitted(self)
        check_images(X, self.image_shape_)
        found: FloatMatrix = self.model_.predict(as_input(X), batch_size=PREDICT_BATCH_SIZE, verbose=0).astype(
            np.float32
        )
        return found

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`embedding_0`, `embedding_1`, ..."""
        check_is_fitted(self)
        return names_of_axes("embedding", self.model_.output_shape[1:])
