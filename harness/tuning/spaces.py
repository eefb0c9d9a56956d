"""The values that are tried for each estimator, network and optimizer where a suite does not say.

A space is not the whole of a part's parameters but the few that matter most, so that a budget of some twenty settings
can tell them apart. What costs time for a sure gain (more trees, more epochs, wider layers without end) is bounded or
left to the suite. Ranges without a source are the default with one or two powers of ten on either side.

References
----------
Hsu, Chang and Lin, A practical guide to support vector classification (2003): C from 2^-5 to 2^15, gamma from 2^-15 to
    2^3.
Probst, Boulesteix and Bischl, Tunability: importance of hyperparameters of machine learning algorithms (JMLR 20, 2019),
    table 1, of which ours are parts: k from 1 to 30; degree from 2 to 5; C from 2^-10 to 2^10; shares of images and of
    features from 0.1 and 0 to 1; trees of depth 1 to 30 with 1 to 60 images in a leaf; boosting with rates from 2^-10
    to 1 (ours from 0.01, because the number of trees stays), depth 1 to 15, 2^0 to 2^7 for a leaf's weight and 2^-10 to
    2^10 for penalties.
Probst and Boulesteix, To tune or not to tune the number of trees in random forest (JMLR 18, 2018): not to tune it.
Bergstra and Bengio, Random search for hyper-parameter optimization (JMLR 13, 2012): 18 to 1024 hidden units, drawn
    evenly on a logarithmic scale.
Bengio, Practical recommendations for gradient-based training of deep architectures (2012): the learning rate matters
    most, and is drawn evenly on a logarithmic scale between 1e-6 and 1.
Greff et al., LSTM: a search space odyssey (IEEE TNNLS 28, 2017): 20 to 200 units.
Sutskever et al., On the importance of initialization and momentum (ICML 2013): momentum of 0.9, 0.99, 0.995.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from harness.suite.domains import Choice, Domain, Range
from harness.suite.model import Part, Searched

Space: TypeAlias = dict[str, Domain]
# A space may depend on what the suite sets: a polynomial kernel has a degree, others have none.
Shipped: TypeAlias = Space | Callable[[Mapping[str, Any]], Space]


def _log(low: float, high: float) -> Range:
    return Range(low=low, high=high, log=True)


def _even(low: float, high: float) -> Range:
    return Range(low=low, high=high)


def _whole(low: int, high: int, *, log: bool = False) -> Range:
    return Range(low=low, high=high, log=log, integer=True)


def _one(*values: Any) -> Choice:
    return Choice(values=values)


def _svc(params: Mapping[str, Any]) -> Space:
    cost: Space = {"C": _log(2**-5, 2**15)}
    match params.get("kernel", "rbf"):
        case "rbf" | "sigmoid":
            return {**cost, "gamma": _log(2**-15, 2**3)}
        case "poly":
            return {**cost, "gamma": _log(2**-15, 2**3), "degree": _whole(2, 5), "coef0": _one(0.0, 1.0)}
    return cost


def _forest(params: Mapping[str, Any], *, bootstrap: bool) -> Space:
    shared: Space = {"max_features": _log(0.01, 1.0), "min_samples_leaf": _whole(1, 20, log=True)}
    return {**shared, "max_samples": _even(0.1, 1.0)} if params.get("bootstrap", bootstrap) else shared


def _discriminant(params: Mapping[str, Any], solver: str) -> Space:
    # Shrinkage, between the classes' covariances and a sphere (Friedman, Regularized discriminant analysis, JASA 84,
    # 1989), is what fewer images than features need; the default solver, svd, has none.
    if "solver" in params:
        return {} if params["solver"] == "svd" else {"shrinkage": _even(0.0, 1.0)}
    return {"solver": _one(solver), "shrinkage": _even(0.0, 1.0)}


ESTIMATORS: dict[str, Shipped] = {
    "sklearn.svm.SVC": _svc,
    "sklearn.svm.LinearSVC": {"C": _log(2**-10, 2**10)},
    "sklearn.ensemble.RandomForestClassifier": lambda params: _forest(params, bootstrap=True),
    "sklearn.ensemble.ExtraTreesClassifier": lambda params: _forest(params, bootstrap=False),
    "sklearn.ensemble.HistGradientBoostingClassifier": {
        "learning_rate": _log(0.01, 1.0),
        "max_leaf_nodes": _whole(4, 128, log=True),
        "min_samples_leaf": _whole(1, 60, log=True),
        "l2_regularization": _log(2**-10, 2**10),
    },
    "sklearn.ensemble.GradientBoostingClassifier": {
        "learning_rate": _log(0.01, 1.0),
        "max_depth": _whole(1, 8),
        "subsample": _even(0.1, 1.0),
    },
    "sklearn.neighbors.KNeighborsClassifier": {
        "n_neighbors": _whole(1, 30, log=True),
        "weights": _one("uniform", "distance"),
        "p": _one(1, 2),
    },
    "sklearn.linear_model.LogisticRegression": {"C": _log(1e-4, 1e4)},
    "sklearn.linear_model.SGDClassifier": {"alpha": _log(1e-7, 1e-1), "average": _one(False, True)},
    "sklearn.linear_model.Perceptron": {
        "penalty": _one(None, "l2", "l1", "elasticnet"),
        "alpha": _log(1e-7, 1e-1),
    },
    "sklearn.linear_model.RidgeClassifier": {"alpha": _log(1e-4, 1e4)},
    "sklearn.naive_bayes.GaussianNB": {"var_smoothing": _log(1e-12, 1.0)},
    "sklearn.naive_bayes.MultinomialNB": {"alpha": _log(1e-3, 1e2), "fit_prior": _one(True, False)},
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": lambda params: _discriminant(params, "lsqr"),
    "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis": lambda params: _discriminant(params, "eigen"),
    "sklearn.tree.DecisionTreeClassifier": {
        "ccp_alpha": _log(1e-5, 1e-1),
        "max_depth": _whole(1, 30),
        "min_samples_leaf": _whole(1, 60, log=True),
    },
    # It chooses its kernel's settings itself, and a suite cannot write a kernel.
    "sklearn.gaussian_process.GaussianProcessClassifier": {},
    "sklearn.neural_network.MLPClassifier": {
        "hidden_layer_sizes": _one([100], [18], [256], [1024], [256, 256]),
        "alpha": _log(1e-7, 1e-1),
        "learning_rate_init": _log(1e-5, 1e-1),
    },
    # Tibshirani et al., Diagnosis of multiple cancer types by shrunken centroids (PNAS 99, 2002).
    "sklearn.neighbors.NearestCentroid": {
        "shrink_threshold": _log(0.01, 10.0),
        "metric": _one("euclidean", "manhattan"),
    },
    "xgboost": {
        "learning_rate": _log(0.01, 1.0),
        "max_depth": _whole(1, 15),
        "min_child_weight": _log(2**0, 2**7),
        "subsample": _even(0.1, 1.0),
    },
    "lightgbm": {
        "learning_rate": _log(0.01, 1.0),
        "num_leaves": _whole(4, 128, log=True),
        "min_child_samples": _whole(1, 60, log=True),
    },
    "ebm": {
        "learning_rate": _log(0.005, 0.5),
        "max_leaves": _whole(2, 8),
        "min_samples_leaf": _whole(1, 60, log=True),
    },
}


def _vgg(params: Mapping[str, Any]) -> Space:
    space: Space = {}
    if params.get("head", "dense") == "dense":
        space["dropout"] = _even(0.0, 0.7)
    if params.get("weights", "random") == "random":
        space |= {"initializer": _one("glorot_uniform", "he_normal"), "batch_norm": _one(False, True)}
    return space


def _autoencoder(params: Mapping[str, Any]) -> Space:
    space: Space = {"code": _whole(8, 128, log=True), "fine_tune": _one(False, True)}
    match params.get("kind", "plain"):
        case "variational":
            return {**space, "beta": _log(0.1, 10.0)}
        case "denoising":
            return {**space, "noise": _even(0.1, 0.5)}
        case "sparse":
            return {**space, "sparsity": _log(0.01, 0.5), "sparsity_weight": _log(0.1, 10.0)}
    return space


RECURRENT: Space = {"units": _whole(20, 200, log=True), "layers": _whole(1, 2), "bidirectional": _one(False, True)}

NETWORKS: dict[str, Shipped] = {
    "perceptron": {},
    "mlp": {"width": _whole(18, 1024, log=True), "depth": _whole(1, 3), "dropout": _even(0.0, 0.7)},
    "rbf": {"units": _whole(18, 1024, log=True)},
    "rnn": RECURRENT,
    "lstm": RECURRENT,
    "gru": RECURRENT,
    "lenet5": {"activation": _one("tanh", "relu")},
    "cnn": {
        "width": _whole(8, 64, log=True),
        "dense_units": _whole(18, 1024, log=True),
        "dropout": _even(0.0, 0.7),
        "batch_norm": _one(False, True),
    },
    "vgg16": _vgg,
    "vgg19": _vgg,
    "resnet": {"n": _whole(1, 3), "width": _whole(8, 32, log=True)},
    "autoencoder": _autoencoder,
}

MOMENTUM = _one(0.5, 0.9, 0.99, 0.995)
FIRST_MOMENT = _one(0.5, 0.9, 0.99)

# Four powers of ten for each learning rate, so that no optimizer searches a narrower range than another.
OPTIMIZERS: dict[str, Shipped] = {
    "sgd": {"learning_rate": _log(1e-4, 1.0)},
    "momentum": {"learning_rate": _log(1e-4, 1.0), "momentum": MOMENTUM},
    "nesterov": {"learning_rate": _log(1e-4, 1.0), "momentum": MOMENTUM},
    "adagrad": {"learning_rate": _log(1e-4, 1.0)},
    "adadelta": {"learning_rate": _log(1e-3, 10.0), "rho": _one(0.9, 0.95, 0.99)},
    "rmsprop": {"learning_rate": _log(1e-6, 1e-2), "rho": _one(0.9, 0.99), "momentum": _one(0.0, 0.9)},
    "adam": {"learning_rate": _log(1e-5, 1e-1), "beta_1": FIRST_MOMENT},
    "adamax": {"learning_rate": _log(1e-5, 1e-1), "beta_1": FIRST_MOMENT},
    "nadam": {"learning_rate": _log(1e-5, 1e-1), "beta_1": FIRST_MOMENT},
    "adamw": {"learning_rate": _log(1e-5, 1e-1), "weight_decay": _log(1e-4, 1.0)},
    "lion": {"learning_rate": _log(1e-6, 1e-2), "beta_1": FIRST_MOMENT},
    "adafactor": {"learning_rate": _log(1e-5, 1e-1)},
    "ftrl": {"learning_rate": _log(1e-4, 1.0), "initial_accumulator_value": _log(1e-10, 1e-1)},
    "muon": {"learning_rate": _log(1e-5, 1e-1), "momentum": _one(0.9, 0.95, 0.98)},
}

SHIPPED: dict[Searched, dict[str, Shipped]] = {
    "estimator": ESTIMATORS,
    "network": NETWORKS,
    "optimizer": OPTIMIZERS,
}


def space_of(part: Part, piece: Searched) -> Space:
    """What is tried for a part where the suite has no `search` for it.

    Parameters
    ----------
    part
        What the suite sets is not searched.
    piece
        Whether it is a pipeline's `estimator`, `network` or `optimizer`.

    Returns
    -------
    Parameters and their values; empty for a part that ships none, such as one of a plug-in.
    """
    shipped = SHIPPED[piece].get(part.name, {})
    space = shipped(part.params) if callable(shipped) else shipped
    return {key: domain for key, domain in space.items() if key not in part.params}
