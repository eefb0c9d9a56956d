"""What a network has learned, as features for an estimator."""

from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from harness.errors import TrialError
from harness.features.base import FloatMatrix, Takes, check_images, names_of_axes
from harness.models.inputs import as_input
from harness.models.network_classifier import PREDICT_BATCH_SIZE, NetworkClassifier
from harness.models.schemes import source_images
from harness.suite.model import DEFAULT_OPTIMIZER, PartSpec, Source, TrainSpec


class Embedding(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """A network's inner layer as features: trained on the training images, on others, or as its own weights have it.

    With an estimator after it this is the hybrid of deep features and a traditional classifier (Donahue et al., DeCAF,
    ICML 2014; Sharif Razavian et al., CVPR workshops 2014). With `trained: false` and random weights it is the control
    of random features, with `labels: shuffled` that of features of labels that mean nothing (Zhang et al., ICLR 2017;
    Adebayo et al., NeurIPS 2018).

    Parameters
    ----------
    network
        A registered network with its parameters.
    layer
        Name of the layer whose output, flattened, is the features; the one before the probabilities where not given.
        `harness describe NETWORK` lists the names.
    pool
        `mean`: the mean of each channel over all positions, so that a feature is a channel (Zeiler and Fergus, ECCV
        2014, look at channels one by one; the mean is that of Lin et al., ICLR 2014). For layers that give maps.
    trained
        Train the network, with its own softmax, on the training images and labels first. Without it the network stays
        as it is built: with pretrained weights where it has any, else with random ones.
    labels
        `own`, or `shuffled`: the same labels, dealt out to the images at random.
    source
        Train on so many images of another dataset instead, made alike to the training images
        (`harness.models.schemes.source_images`).
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
        pool: Literal["none", "mean"] = "none",
        trained: bool = True,
        labels: Literal["own", "shuffled"] = "own",
        source: Source | None = None,
        optimizer: PartSpec | None = None,
        train: TrainSpec | None = None,
        random_state: Annotated[int, Field(ge=0)] | None = None,
    ) -> None:
        self.network = network
        self.layer = layer
        self.pool = pool
        self.trained = trained
        self.labels = labels
        self.source = source
        self.optimizer = optimizer
        self.train = train
        self.random_state = random_state

    def fit(self, X: NDArray[np.uint8], y: NDArray[np.int64] | None = None) -> Self:  # noqa: N803
        """Build the network and, where it is to be, train it on uint8 images (n, h, w) or (n, h, w, c) and labels.

        Raises
        ------
        TrialError
            If the network has no such layer, that layer has no channels to pool, or training needs labels and there are
            none.
        DataError
            If the images of another dataset cannot be read.
        """
        import keras

        if not self.trained and (self.labels == "shuffled" or self.source is not None):
            raise TrialError("embedding: labels and source are for training, and trained is false; leave either out")
        self.image_shape_ = check_images(X)
        seed = self.random_state or 0
        images, n_classes = X, int(y.max()) + 1 if y is not None and len(y) else 2
        if self.source is not None:
            images, y, n_classes = source_images(self.source, seed, self.image_shape_)
        # So that layers have the same names however many networks were built before.
        keras.backend.clear_session(free_memory=False)
        classifier = NetworkClassifier(
            network=self.network,
            optimizer=self.optimizer or DEFAULT_OPTIMIZER,
            train=self.train or TrainSpec(),
            n_classes=n_classes,
            seed=seed,
        )
        if not self.trained:
            classifier.build(X)
        elif y is None:
            raise TrialError("embedding: training a network needs labels; set trained: false for one as it is built")
        else:
            classifier.fit(images, np.random.RandomState(seed).permutation(y) if self.labels == "shuffled" else y)
        whole = classifier.model_
        names = [layer.name for layer in whole.layers]
        if self.layer is not None and self.layer not in names:
            raise TrialError(f"embedding: {self.network.name} has no layer {self.layer!r}; it has {', '.join(names)}")
        inner = whole.layers[-1].input if self.layer is None else whole.get_layer(self.layer).output
        if self.pool == "mean" and len(inner.shape) != 4:
            raise TrialError(
                f"embedding: {self.layer or 'the last layer'} of {self.network.name} gives {inner.shape[1:]}, not maps "
                "to pool; name a layer of maps, or leave pool out"
            )
        features = keras.layers.GlobalAveragePooling2D if self.pool == "mean" else keras.layers.Flatten
        # Its own name: the network may have a layer of the one that Keras would give.
        self.model_ = keras.Model(whole.inputs, features(dtype="float32", name="embedding")(inner))
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
        """`embedding_0`, `embedding_1`, ...; with pooled maps a number is a channel's."""
        check_is_fitted(self)
        return names_of_axes("embedding", self.model_.output_shape[1:])
