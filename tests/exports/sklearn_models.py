"""scikit-learn's families through skl2onnx: a classifier and a regressor of each, transformers, and pipelines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from onnx.helper import make_attribute, make_node
from skl2onnx import to_onnx
from skl2onnx.common import _container
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn import (
    cluster,
    cross_decomposition,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_selection,
    gaussian_process,
    linear_model,
    mixture,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    preprocessing,
    random_projection,
    svm,
    tree,
)
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction import text
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline

from edgeconv.core import Array
from tests.exports.exported import FP32_SQNR, Exported

__all__ = ["makers"]

_OPSETS = {"": 18, "ai.onnx.ml": 3}
_NAMES = np.array(["ash", "birch", "cedar", "oak"])
_SAMPLES, _FEATURES = 240, 6


def _strict(*args: Any, **attributes: Any) -> Any:
    """make_node for skl2onnx 1.20, which hands booleans over as integers; protobuf 7 refuses them."""
    return make_node(*args, **{name: _plain(value) for name, value in attributes.items()})


def _plain(value: Any) -> Any:
    is_list = isinstance(value, list) and any(isinstance(item, (bool, np.bool_)) for item in value)
    return [int(item) for item in value] if is_list else value


_container.make_node = _strict


def _features(seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(_SAMPLES, _FEATURES)).astype(np.float32)


def _classes(x: Array, count: int) -> Array:
    score = x[:, 0] + x[:, 1] * x[:, 2] - np.abs(x[:, 3])
    return np.asarray(np.digitize(score, np.quantile(score, np.linspace(0, 1, count + 1)[1:-1])))


def _exported(model: Any, x: Array, rows: Array, options: dict[str, Any] | None = None) -> Exported:
    chosen = {id(model): options} if options else None
    onnx_model = to_onnx(model, x[:1], target_opset=_OPSETS, options=chosen)
    label = onnx_model.graph.output[0].name
    strings = {label: list(model.classes_)} if _has_names(model) else {}
    return Exported(onnx_model, {onnx_model.graph.input[0].name: rows}, strings)


def _has_names(model: Any) -> bool:
    return getattr(getattr(model, "classes_", None), "dtype", np.dtype(int)).kind in "UO"


def _classifier(model: Any, classes: int, names: bool, positive: bool, options: dict[str, Any] | None) -> Exported:
    x = np.abs(_features()) if positive else _features()
    y = _classes(x, classes)
    model.fit(x, _NAMES[y] if names else y)
    return _exported(model, x, x[:60], options)


def _several_labels(model: Any) -> Exported:
    x = _features()
    model.fit(x, np.stack([_classes(x, 3), _classes(-x, 2)], axis=1))
    return _exported(model, x, x[:60])


def _regressor(model: Any, targets: int, positive: bool) -> Exported:
    x = np.abs(_features()) if positive else _features()
    y = x[:, 0] * 2 + np.abs(x[:, 1]) + (3.0 if positive else 0.0)
    model.fit(x, np.stack([y, x[:, 2] - y], axis=1) if targets == 2 else y)
    return replace(_exported(model, x, x[:60]), least=_LEAST.get(type(model).__name__, FP32_SQNR))


_LEAST = {"GaussianProcessRegressor": 70.0}
"""Its float32 sum cancels: ONNX Runtime's own result is 79 dB from scikit-learn's in float64."""


def _transformer(model: Any, x: Array) -> Exported:
    model.fit(x, _classes(_features(), 2)[: len(x)])
    return _exported(model, x, x[:60])


CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "logistic_regression": linear_model.LogisticRegression,
    "logistic_regression_ovr": lambda: multiclass.OneVsRestClassifier(linear_model.LogisticRegression()),
    "one_vs_one": lambda: multiclass.OneVsOneClassifier(linear_model.LogisticRegression()),
    "sgd": lambda: linear_model.SGDClassifier(random_state=0),
    "sgd_log": lambda: linear_model.SGDClassifier(loss="log_loss", random_state=0),
    "perceptron": lambda: linear_model.Perceptron(random_state=0),
    "ridge": linear_model.RidgeClassifier,
    "linear_svc": svm.LinearSVC,
    "svc_rbf": lambda: svm.SVC(random_state=0),
    "svc_linear": lambda: svm.SVC(kernel="linear", random_state=0),
    "svc_poly": lambda: svm.SVC(kernel="poly", random_state=0),
    "svc_sigmoid": lambda: svm.SVC(kernel="sigmoid", random_state=0),
    "nu_svc": lambda: svm.NuSVC(nu=0.3, random_state=0),
    "decision_tree": lambda: tree.DecisionTreeClassifier(max_depth=6, random_state=0),
    "extra_tree": lambda: tree.ExtraTreeClassifier(max_depth=6, random_state=0),
    "random_forest": lambda: ensemble.RandomForestClassifier(n_estimators=12, max_depth=6, random_state=0),
    "extra_trees": lambda: ensemble.ExtraTreesClassifier(n_estimators=12, max_depth=6, random_state=0),
    "gradient_boosting": lambda: ensemble.GradientBoostingClassifier(n_estimators=12, random_state=0),
    "hist_gradient_boosting": lambda: ensemble.HistGradientBoostingClassifier(max_iter=12, random_state=0),
    "ada_boost": lambda: ensemble.AdaBoostClassifier(n_estimators=8, random_state=0),
    "bagging": lambda: ensemble.BaggingClassifier(n_estimators=5, random_state=0),
    "voting": lambda: ensemble.VotingClassifier(
        [("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier(max_depth=3))],
        voting="soft",
        flatten_transform=False,
    ),
    "stacking": lambda: ensemble.StackingClassifier(
        [("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier(max_depth=3))]
    ),
    "nearest_neighbours": lambda: neighbors.KNeighborsClassifier(5),
    "gaussian_naive_bayes": naive_bayes.GaussianNB,
    "multi_layer_perceptron": lambda: neural_network.MLPClassifier((16, 8), max_iter=60, random_state=0),
    "linear_discriminant": discriminant_analysis.LinearDiscriminantAnalysis,
    "quadratic_discriminant": discriminant_analysis.QuadraticDiscriminantAnalysis,
}
WITH_PROBABILITIES = ("svc_rbf", "svc_linear", "nu_svc")
POSITIVE_CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "multinomial_naive_bayes": naive_bayes.MultinomialNB,
    "bernoulli_naive_bayes": lambda: naive_bayes.BernoulliNB(binarize=0.7),
    "complement_naive_bayes": naive_bayes.ComplementNB,
}
REGRESSORS: dict[str, Callable[[], Any]] = {
    "linear_regression": linear_model.LinearRegression,
    "ridge": linear_model.Ridge,
    "lasso": lambda: linear_model.Lasso(0.01),
    "elastic_net": lambda: linear_model.ElasticNet(0.01),
    "bayesian_ridge": linear_model.BayesianRidge,
    "ard": linear_model.ARDRegression,
    "huber": linear_model.HuberRegressor,
    "theil_sen": lambda: linear_model.TheilSenRegressor(random_state=0, max_subpopulation=50),
    "ransac": lambda: linear_model.RANSACRegressor(random_state=0),
    "sgd": lambda: linear_model.SGDRegressor(random_state=0),
    "linear_svr": svm.LinearSVR,
    "svr_rbf": svm.SVR,
    "svr_poly": lambda: svm.SVR(kernel="poly", degree=2),
    "nu_svr": svm.NuSVR,
    "decision_tree": lambda: tree.DecisionTreeRegressor(max_depth=6, random_state=0),
    "random_forest": lambda: ensemble.RandomForestRegressor(n_estimators=12, max_depth=6, random_state=0),
    "extra_trees": lambda: ensemble.ExtraTreesRegressor(n_estimators=12, max_depth=6, random_state=0),
    "gradient_boosting": lambda: ensemble.GradientBoostingRegressor(n_estimators=12, random_state=0),
    "hist_gradient_boosting": lambda: ensemble.HistGradientBoostingRegressor(max_iter=12, random_state=0),
    "ada_boost": lambda: ensemble.AdaBoostRegressor(n_estimators=8, random_state=0),
    "bagging": lambda: ensemble.BaggingRegressor(n_estimators=5, random_state=0),
    "voting": lambda: ensemble.VotingRegressor(
        [("a", linear_model.LinearRegression()), ("b", tree.DecisionTreeRegressor(max_depth=3))]
    ),
    "stacking": lambda: ensemble.StackingRegressor(
        [("a", linear_model.LinearRegression()), ("b", tree.DecisionTreeRegressor(max_depth=3))]
    ),
    "nearest_neighbours": lambda: neighbors.KNeighborsRegressor(5),
    "multi_layer_perceptron": lambda: neural_network.MLPRegressor(
        hidden_layer_sizes=(16, 8), max_iter=60, random_state=0
    ),
    "gaussian_process": lambda: gaussian_process.GaussianProcessRegressor(alpha=0.1, random_state=0),
    "pls": lambda: cross_decomposition.PLSRegression(2),
    "quantile": lambda: linear_model.QuantileRegressor(alpha=0.01),
    "multi_output": lambda: multioutput.MultiOutputRegressor(linear_model.Ridge()),
}
POSITIVE_REGRESSORS: dict[str, Callable[[], Any]] = {
    "poisson": linear_model.PoissonRegressor,
    "gamma": linear_model.GammaRegressor,
    "tweedie": linear_model.TweedieRegressor,
}
TWO_TARGETS = ("linear_regression", "decision_tree", "random_forest", "nearest_neighbours", "multi_layer_perceptron")
TRANSFORMERS: dict[str, Callable[[], Any]] = {
    "standard_scaler": preprocessing.StandardScaler,
    "min_max_scaler": lambda: preprocessing.MinMaxScaler(clip=True),
    "max_abs_scaler": preprocessing.MaxAbsScaler,
    "robust_scaler": preprocessing.RobustScaler,
    "normalizer_l1": lambda: preprocessing.Normalizer("l1"),
    "normalizer_l2": lambda: preprocessing.Normalizer("l2"),
    "normalizer_max": lambda: preprocessing.Normalizer("max"),
    "binarizer": lambda: preprocessing.Binarizer(threshold=0.2),
    "polynomial_features": lambda: preprocessing.PolynomialFeatures(3),
    "polynomial_interactions": lambda: preprocessing.PolynomialFeatures(2, interaction_only=True, include_bias=False),
    "k_bins_one_hot": lambda: preprocessing.KBinsDiscretizer(4, quantile_method="linear", encode="onehot-dense"),
    "k_bins_ordinal": lambda: preprocessing.KBinsDiscretizer(4, quantile_method="linear", encode="ordinal"),
    "power_transformer": preprocessing.PowerTransformer,
    "quantile_transformer": lambda: preprocessing.QuantileTransformer(n_quantiles=20, random_state=0),
    "function_transformer": preprocessing.FunctionTransformer,
    "pca": lambda: decomposition.PCA(3),
    "pca_whiten": lambda: decomposition.PCA(3, whiten=True),
    "incremental_pca": lambda: decomposition.IncrementalPCA(3),
    "truncated_svd": lambda: decomposition.TruncatedSVD(3, random_state=0),
    "kernel_pca": lambda: decomposition.KernelPCA(3, kernel="rbf"),
    "random_projection": lambda: random_projection.GaussianRandomProjection(3, random_state=0),
    "select_k_best": lambda: feature_selection.SelectKBest(k=3),
    "variance_threshold": lambda: feature_selection.VarianceThreshold(0.1),
    "k_means": lambda: cluster.KMeans(3, n_init=1, random_state=0),
    "gaussian_mixture": lambda: mixture.GaussianMixture(3, random_state=0),
    "isolation_forest": lambda: ensemble.IsolationForest(n_estimators=8, random_state=0),
    "local_outlier_factor": lambda: neighbors.LocalOutlierFactor(novelty=True),
    "one_class_svm": svm.OneClassSVM,
    "feature_union": lambda: FeatureUnion([("a", decomposition.PCA(2)), ("b", preprocessing.StandardScaler())]),
}


def _numbers_and_categories() -> tuple[Array, Array]:
    dice = np.random.default_rng(5)
    categories = dice.integers(0, 4, (_SAMPLES, 2)).astype(np.float32)
    x = np.concatenate([_features()[:, :4], categories], axis=1)
    x[dice.uniform(size=x.shape) < 0.05] = np.nan
    x[:, 4:] = np.nan_to_num(x[:, 4:])
    return x, _classes(_features(), 3)


def _columns(*last: Any) -> Any:
    numbers = make_pipeline(SimpleImputer(), preprocessing.StandardScaler())
    encoder = preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_pipeline(ColumnTransformer([("n", numbers, [0, 1, 2, 3]), ("c", encoder, [4, 5])]), *last)


PIPELINES: dict[str, Callable[[], Any]] = {
    "columns_logistic": lambda: _columns(linear_model.LogisticRegression()),
    "columns_forest": lambda: _columns(ensemble.RandomForestClassifier(n_estimators=8, max_depth=5, random_state=0)),
    "columns_perceptron": lambda: _columns(neural_network.MLPClassifier((12,), max_iter=60, random_state=0)),
    "columns_svc": lambda: _columns(svm.SVC(random_state=0)),
    "columns_pca_neighbours": lambda: _columns(decomposition.PCA(4), neighbors.KNeighborsClassifier(3)),
    "median_imputer_boosting": lambda: make_pipeline(
        SimpleImputer(strategy="median"), ensemble.GradientBoostingClassifier(n_estimators=8, random_state=0)
    ),
    "neighbours_imputer_logistic": lambda: make_pipeline(KNNImputer(n_neighbors=3), linear_model.LogisticRegression()),
    "constant_imputer_polynomial": lambda: make_pipeline(
        SimpleImputer(strategy="constant", fill_value=-1.0),
        preprocessing.PolynomialFeatures(2),
        preprocessing.MinMaxScaler(),
        linear_model.LogisticRegression(max_iter=300),
    ),
    "missing_hist_boosting": lambda: ensemble.HistGradientBoostingClassifier(max_iter=8, random_state=0),
    "ordinal_tree": lambda: make_pipeline(
        ColumnTransformer([("o", preprocessing.OrdinalEncoder(), [4, 5])], remainder=SimpleImputer()),
        tree.DecisionTreeClassifier(max_depth=5, random_state=0),
    ),
    "normalizer_binarizer": lambda: make_pipeline(
        SimpleImputer(), preprocessing.Normalizer(), preprocessing.Binarizer(threshold=0.1), naive_bayes.BernoulliNB()
    ),
}


def _pipeline(make: Callable[[], Any], names: bool) -> Exported:
    x, y = _numbers_and_categories()
    model = make().fit(x, _NAMES[y] if names else y)
    return _exported(model, x, x[:60])


_TOWN, _WOOD, _AGE, _SIZE, _TEXT = range(5)
_COLUMNS = ("town", "wood", "age", "size", "text")


def _table() -> tuple[Array, Array]:
    """Columns of strings, of numbers, and of text; classes that depend on all three."""
    dice = np.random.default_rng(9)
    town, wood = dice.choice(["Ulm", "Graz", "Bern"], _SAMPLES), dice.choice(_NAMES, _SAMPLES)
    words = ["red", "fox", "the", "dog", "Moon", "runs", "barks", "at", "night-time"]
    texts = [" ".join(dice.choice(words, dice.integers(1, 9))) for _ in range(_SAMPLES)]
    x = _features()
    classes = (town == "Ulm") + (x[:, 0] > 0) + np.array(["fox" in each for each in texts])
    columns = (town, wood, x[:, 0], x[:, 1], texts)
    return np.array([[*row] for row in zip(*columns, strict=True)], object), classes.astype(np.int64)


_ENCODER = ("c", preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False), [_TOWN, _WOOD])
_ORDINALS = preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
_SCALER = ("n", preprocessing.StandardScaler(), [_AGE, _SIZE])
TABLES: dict[str, Callable[[], Any]] = {
    "one_hot_logistic": lambda: _joined(linear_model.LogisticRegression(), _ENCODER, _SCALER),
    "one_hot_forest": lambda: _joined(CLASSIFIERS["random_forest"](), _ENCODER, _SCALER),
    "ordinal_boosting": lambda: _joined(CLASSIFIERS["gradient_boosting"](), ("o", _ORDINALS, [_TOWN, _WOOD]), _SCALER),
    "text_and_columns": lambda: _joined(
        linear_model.LogisticRegression(), _ENCODER, _SCALER, ("t", text.TfidfVectorizer(), _TEXT)
    ),
}
TEXTS: dict[str, Callable[[], Any]] = {
    "tf_idf": text.TfidfVectorizer,
    "word_pairs": lambda: text.CountVectorizer(ngram_range=(1, 2), token_pattern="[a-zA-Z]+"),
    "characters": lambda: text.CountVectorizer(analyzer="char", ngram_range=(2, 3)),
    "upper_case": lambda: text.CountVectorizer(lowercase=False, binary=True),
}


def _joined(model: Any, *columns: tuple[str, Any, Any]) -> Any:
    return make_pipeline(ColumnTransformer(columns, sparse_threshold=0), model)


def _of_columns(model: Any, first: int, last: int) -> Exported:
    """A pipeline on columns `first` to `last` of the table, one input for each."""
    x, y = _table()
    model.fit(x[:, first:last] if last else x[:, first], y)
    names = _COLUMNS[first : last or first + 1]
    kinds = [FloatTensorType if name in ("age", "size") else StringTensorType for name in names]
    types = [(name, kind([None, 1])) for name, kind in zip(names, kinds, strict=True)]
    onnx_model = to_onnx(model, initial_types=types, target_opset=_OPSETS)
    for node in onnx_model.graph.node:
        if node.op_type == "StringNormalizer":  # ONNX Runtime asks the system for the default, en_US
            node.attribute.append(make_attribute("locale", "C"))
    feeds = {
        name: x[:60, [place]].astype(np.float32 if kind is FloatTensorType else object)
        for place, name, kind in zip(range(first, len(_COLUMNS)), names, kinds, strict=False)
    }
    return Exported(onnx_model, feeds, {})


def makers() -> Iterator[tuple[str, Callable[[], Exported]]]:
    """(name, maker) of every model."""
    for name, make in CLASSIFIERS.items():
        for classes in (2, 4):
            yield f"{name}_{classes}_classes", lambda make=make, n=classes: _classifier(make(), n, False, False, None)
        if name != "one_vs_one":  # skl2onnx gives its names the type of numbers
            yield f"{name}_names", lambda make=make: _classifier(make(), 3, True, False, None)
    for name in WITH_PROBABILITIES:
        make = CLASSIFIERS[name]
        yield (
            f"{name}_probabilities",
            lambda make=make: _classifier(make().set_params(probability=True), 3, False, False, None),
        )
    for name, make in POSITIVE_CLASSIFIERS.items():
        yield f"{name}_4_classes", lambda make=make: _classifier(make(), 4, False, True, None)
    yield (
        "no_zip_map",
        lambda: _classifier(linear_model.LogisticRegression(), 3, False, False, {"zipmap": False}),
    )
    yield "raw_scores", lambda: _classifier(CLASSIFIERS["svc_rbf"](), 3, False, False, {"raw_scores": True})
    yield "several_labels", lambda: _several_labels(multioutput.MultiOutputClassifier(CLASSIFIERS["decision_tree"]()))
    for name, make in REGRESSORS.items():
        targets = 2 if name == "multi_output" else 1
        yield f"{name}_regressor", lambda make=make, targets=targets: _regressor(make(), targets, False)
    for name in TWO_TARGETS:
        yield f"{name}_2_targets", lambda make=REGRESSORS[name]: _regressor(make(), 2, False)
    for name, make in POSITIVE_REGRESSORS.items():
        yield f"{name}_regressor", lambda make=make: _regressor(make(), 1, True)
    for name, make in TRANSFORMERS.items():
        yield name, lambda make=make: _transformer(make(), _features())
    for name, make in TABLES.items():
        last = _TEXT + 1 if name.startswith("text") else _TEXT
        yield f"table_{name}", lambda make=make, last=last: _of_columns(make(), 0, last)
    for name, make in TEXTS.items():
        model = make_pipeline(make(), linear_model.LogisticRegression())
        yield f"text_{name}", lambda model=model: _of_columns(model, _TEXT, 0)
    for name, make in PIPELINES.items():
        yield f"pipeline_{name}", lambda make=make: _pipeline(make, False)
        yield f"pipeline_{name}_names", lambda make=make: _pipeline(make, True)
