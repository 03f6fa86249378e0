"""Model: who leaves next? Fitted on earlier snapshots, tested on a later one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from crm_analysis import options
from crm_analysis.churn import learners, profile, recalibration, scores
from crm_analysis.churn.evaluation import EvaluationResult, nothing
from crm_analysis.churn.learners import BASELINES, LEARNERS, PLAIN, SETTINGS, Rule
from crm_analysis.churn.sample import Sample, reason, sound, who_left
from crm_analysis.errors import DataError, UsageError
from crm_analysis.table import listed

# Forests and the search do not get better with more rows, only slower.
_ROWS = 40_000
_FEWEST = 20


class ChurnModel(ClassifierMixin, BaseEstimator):
    """Probabilities of leaving: several learners, a small search, calibrated, beside the simplest rules.

    Parameters
    ----------
    kinds : tuple of str
        Learners to try: ``logistic``, ``forest``, ``boosting``.
    folds : int
        Folds of the cross-validation that chooses settings, calibrates, and picks the learner.
    seed : int
        Of folds and learners.

    Attributes
    ----------
    chosen_ : str
        The simplest learner whose cross-validated log loss is not shown to be above the lowest: within one standard
        error of the difference (Breiman et al. 1984).
    models_ : dict of str to Pipeline
        Every learner, fitted; ``plain logistic`` is the logistic regression with settings that nobody tuned.
    calibration_ : dict of str to tuple of float
        Intercept and slope that are applied to each learner's log odds.
    rules_ : dict of str to Rule
        The baselines.
    owners_, centre_ : arrays
        Of each column of the plain logistic regression: the feature that it was made of, and its mean in training.
    search_ : DataFrame
        One row per learner and setting: cross-validated log loss.
    classes_ : array
        0 (stayed) and 1 (left).
    profile_ : DataFrame
        What the features and the probabilities looked like in training: see `profile.describe`.
    trained_on_ : int
        Rows in training.
    missing : str
        Why `learn` could not fit it, as a sentence; empty where it could.
    """

    missing = ""

    def __init__(self, kinds: tuple[str, ...] = ("logistic", "forest", "boosting"), folds: int = 3, seed: int = 0):
        self.kinds = kinds
        self.folds = folds
        self.seed = seed

    def fit(self, X: Sample | pd.DataFrame, y: Any = None) -> ChurnModel:
        """Fit on customers of whom it is known whether they left.

        Parameters
        ----------
        X : Sample or DataFrame
            Snapshots (`labels.snapshots(...).training`), or features alone, indexed by customer.
        y : array of shape (n,), optional
            With features alone: 1 for who left, else 0.

        Returns
        -------
        ChurnModel
            Itself.

        Raises
        ------
        UsageError
            If a parameter is not understood, labels are not 0 and 1, or a feature is neither a number nor a text.
        DataError
            If fewer than 20 customers left or stayed, there are no features, or one holds infinite values.

        Notes
        -----
        Settings are compared by log loss in folds that keep the rows of a customer together. The same predictions
        out of fold calibrate each learner (Platt 1999: a logistic regression on the log odds), so that its
        probabilities are those of customers it has not seen. Classes are never resampled: it would ruin the
        probabilities and gain nothing in the order of customers. Forest, logistic regression and search use at most
        40,000 rows, drawn at random.

        References
        ----------
        Breiman, L., Friedman, J., Olshen, R. and Stone, C. (1984). Classification and Regression Trees, section 3.4.
        Platt, J. (1999). Probabilistic outputs for support vector machines. Advances in Large Margin Classifiers.
        """
        kinds = self.kinds if isinstance(self.kinds, (tuple, list)) else ()
        if not kinds or any(kind not in LEARNERS for kind in kinds):
            raise UsageError(f"The kinds parameter of ChurnModel must name some of {listed(list(LEARNERS))}.")
        options.whole(self.seed, "seed", caller="ChurnModel")
        options.whole(self.folds, "folds", caller="ChurnModel", least=2)
        sample = _sample(X, y)
        sample = replace(sample, features=sound(sample.features))
        left = who_left(sample, fewest=_FEWEST, where="to learn from")
        who_left(sample, fewest=self.folds, where=f"for {self.folds} folds")
        # A feature that never varies says nothing, and some learners stumble over it.
        sample = sample.without([name for name, values in sample.features.items() if values.nunique(dropna=False) < 2])
        if not sample.features.shape[1]:
            raise DataError("churn: no feature varies, so nothing can be learned; the study needs more than one value.")
        self.classes_ = np.array([0, 1])
        self.feature_names_in_ = np.array(sample.features.columns, dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        self.world_, self.horizon_days_ = sample.world, sample.horizon_days
        chosen = np.sort(np.random.default_rng(self.seed).permutation(len(sample))[:_ROWS])
        part, part_left = sample.features.iloc[chosen], left[chosen]
        folds = self._folds(part.index, part_left)
        self.models_, self.calibration_, losses, rows = {}, {}, {}, []
        tried = [(kind, kind, SETTINGS[kind]) for kind in self.kinds] + [("plain logistic", "logistic", (PLAIN,))]
        for name, kind, settings in tried:
            best: tuple[float, dict[str, Any], np.ndarray] | None = None
            for setting, out in zip(settings, self._out_of_fold(kind, settings, part, part_left, folds), strict=True):
                loss = recalibration.log_loss(part_left, out)
                rows.append({"model": name, "settings": _words(setting), "log_loss": loss})
                if best is None or loss < best[0]:
                    best = (loss, setting, out)
            assert best is not None
            _, setting, out = best
            self.calibration_[name] = recalibration.learn(part_left, out) if name != "plain logistic" else (0.0, 1.0)
            losses[name] = recalibration.log_losses(part_left, recalibration.apply(out, self.calibration_[name]))
            model = learners.pipeline(kind, part, setting, seed=self.seed)
            whole = kind == "boosting"
            self.models_[name] = model.fit(sample.features if whole else part, left if whole else part_left)
        self.search_ = pd.DataFrame(rows)
        self.chosen_ = _simplest([name for name in LEARNERS if name in self.kinds], losses)
        prepared = self.models_["plain logistic"][0]
        self.owners_ = learners.owners(prepared, list(map(str, self.feature_names_in_)))
        self.centre_ = prepared.transform(part).mean(axis=0)
        self.rules_ = _rules(sample.features, left)
        self.trained_on_ = len(sample)
        self.profile_ = profile.describe(part, self.chance(part))
        return self

    def _folds(self, customers: pd.Index, left: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

        if customers.is_unique:
            return list(StratifiedKFold(self.folds, shuffle=True, random_state=self.seed).split(left, left))
        groups = pd.factorize(customers)[0]
        splitter = StratifiedGroupKFold(self.folds, shuffle=True, random_state=self.seed)
        return list(splitter.split(left, left, groups))

    def _out_of_fold(
        self,
        kind: str,
        settings: Sequence[dict[str, Any]],
        features: pd.DataFrame,
        left: np.ndarray,
        folds: list[tuple[np.ndarray, np.ndarray]],
    ) -> list[np.ndarray]:
        """Predictions out of fold for each setting; what prepares the features is fitted once a fold for all."""
        out = [np.empty(len(left)) for _ in settings]
        for train, test in folds:
            prepared = learners.pipeline(kind, features, settings[0], seed=self.seed)[0]
            seen = prepared.fit_transform(features.iloc[train], left[train])
            unseen = prepared.transform(features.iloc[test])
            for place, setting in enumerate(settings):
                learner = learners.pipeline(kind, features, setting, seed=self.seed)[-1]
                out[place][test] = learner.fit(seen, left[train]).predict_proba(unseen)[:, 1]
        return out

    def predict_proba(self, X: Sample | pd.DataFrame) -> np.ndarray:
        """Return the probabilities of staying and of leaving, one row per customer (n, 2), of the chosen learner."""
        chance = self.chance(X)
        return np.column_stack([1 - chance, chance])

    def predict(self, X: Sample | pd.DataFrame) -> np.ndarray:
        """Return 1 for customers more likely to leave than to stay; for whom to contact see `decision.plan`."""
        return (self.chance(X) > 0.5).astype("int64")

    def chance(self, X: Sample | pd.DataFrame, *, model: str = "") -> np.ndarray:
        """Return the probability of leaving of each customer.

        Parameters
        ----------
        X : Sample or DataFrame
            With the features of training; values of a category that were not seen count as missing.
        model : str, optional
            A learner or a baseline; by default the chosen learner.

        Returns
        -------
        array of shape (n,)
        """
        features = self.features_of(X)
        name = model or self.chosen_
        if name not in self.rules_ and name not in self.models_:
            raise UsageError(f"churn: there is no model {name!r}; there are {listed([*self.models_, *self.rules_])}.")
        if name in self.rules_:
            return self.rules_[name].chance(features)
        if not len(features):
            return np.empty(0)
        return recalibration.apply(self.models_[name].predict_proba(features)[:, 1], self.calibration_[name])

    def out_of_fold(self, sample: Sample, names: list[str], *, folds: int = 5, seed: int = 42) -> dict[str, np.ndarray]:
        """Return probabilities for the rows of training, each by a model fitted without the row's fold.

        Parameters
        ----------
        sample : Sample
            Customers with known labels.
        names : list of str
            Learners and baselines; the learners keep the settings that were chosen, and their calibration.
        folds, seed : int
            Of the stratified folds.

        Returns
        -------
        dict of str to array of shape (n,)
        """
        from sklearn.base import clone
        from sklearn.model_selection import StratifiedKFold

        folds = options.whole(folds, "folds", caller="ChurnModel.out_of_fold", least=2)
        left = who_left(sample, fewest=folds, where=f"for {folds} folds")
        features = self.features_of(sample)
        out = {name: np.empty(len(left)) for name in names}
        for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(left, left):
            seen, unseen = features.iloc[train], features.iloc[test]
            for name in names:
                if name in self.rules_:
                    out[name][test] = Rule.learn(seen, left[train], self.rules_[name].column).chance(unseen)
                else:
                    fitted = clone(self.models_[name]).fit(seen, left[train])
                    out[name][test] = recalibration.apply(fitted.predict_proba(unseen)[:, 1], self.calibration_[name])
        return out

    def features_of(self, X: Sample | pd.DataFrame) -> pd.DataFrame:
        """Return the features that the model was trained on, in their order, or say which one is not there."""
        if self.missing:
            raise DataError(f"churn: {self.missing}")
        if not hasattr(self, "models_"):
            raise UsageError("This ChurnModel is not fitted yet; call fit first.")
        features = X.features if isinstance(X, Sample) else X
        if not isinstance(features, pd.DataFrame):
            raise UsageError(f"ChurnModel takes a Sample or a DataFrame of features, not {type(features).__name__}.")
        absent = [str(name) for name in self.feature_names_in_ if name not in features.columns]
        if absent:
            raise DataError(f"churn: the customers lack the feature {absent[0]!r}, on which the model was trained.")
        kept = sound(features[list(self.feature_names_in_)])
        parts = self.models_["plain logistic"][0].transformers_
        numbers = [name for part, _, columns in parts if part == "numbers" for name in columns]
        texts = [name for name in numbers if isinstance(kept[name].dtype, pd.CategoricalDtype)]
        if texts:
            raise DataError(f"churn: the feature {texts[0]!r} must hold numbers, as in training.")
        for name in [name for part, _, columns in parts if part == "texts" for name in columns]:
            if kept[name].isna().all():
                # Without a value a column has no kind, and the encoders want the kind of training.
                nothing = pd.Categorical([None] * len(kept), categories=pd.Index([], dtype="str"))
                kept = kept.assign(**{name: nothing})
            elif not isinstance(kept[name].dtype, pd.CategoricalDtype):
                raise DataError(f"churn: the feature {name!r} must hold texts, as in training.")
        return kept


def learn(sample: Sample, **parameters: Any) -> ChurnModel:
    """Fit a model, or say why there can be none, so that a report of such a study can say it too.

    Parameters
    ----------
    sample : Sample
        `labels.snapshots(...).training`.
    **parameters
        Of `ChurnModel`.

    Returns
    -------
    ChurnModel
        Fitted; or not, with the reason in `missing`, which every function that takes a model repeats as its finding.
    """
    churn = ChurnModel(**parameters)
    try:
        return churn.fit(sample)
    except DataError as error:
        churn.missing = reason(error)
        return churn


def evaluate(
    churn: ChurnModel, sample: Sample, *, resamples: int = 500, folds: int = 5, seed: int = 42
) -> EvaluationResult:
    """Test a model on customers of a later snapshot, beside the simplest rules.

    Parameters
    ----------
    churn : ChurnModel
        A fitted model.
    sample : Sample
        `labels.snapshots(...).latest`. The rows of a dateless table are those of training: then every prediction is
        made by a model fitted on the other folds, with the settings that were chosen.
    resamples : int
        Bootstrap resamples of the customers, for the intervals.
    folds : int
        Folds for a dateless table.
    seed : int
        Of folds and resamples.

    Returns
    -------
    EvaluationResult
        Without a model, where nobody or everybody left, or where a dateless table has fewer of a kind than folds, one
        whose finding says so.

    Raises
    ------
    DataError
        If the labels are not known.
    """
    options.whole(folds, "folds", caller="model.evaluate", least=2)
    why = churn.missing or sample.missing
    if not why and not sample.label.isna().any():
        try:
            who_left(sample, fewest=1 if sample.dated else folds, where="to test on")
        except DataError as error:
            why = reason(error)
    if why:
        return nothing(why)
    left = who_left(sample, fewest=1, where="to test on")
    # Says so, if the model is not fitted.
    churn.features_of(sample)
    names = [*churn.models_, *churn.rules_]
    if sample.dated:
        chances = {name: churn.chance(sample, model=name) for name in names}
    else:
        chances = churn.out_of_fold(sample, names, folds=folds, seed=seed)
    ordered = {churn.chosen_: chances.pop(churn.chosen_)} | chances
    models, differences = scores.compare(left, ordered, reference=churn.chosen_, resamples=resamples, seed=seed)
    kinds = ["chosen", *("model" if name in churn.models_ else "baseline" for name in chances)]
    models.insert(1, "kind", kinds)
    predictions = pd.DataFrame({"customer_id": sample.features.index, "left": left, **ordered})
    return EvaluationResult(
        models, differences, predictions, churn.chosen_, sample.dated, sample.horizon_days, sample.days, sample.event
    )


def _sample(X: Sample | pd.DataFrame, y: Any) -> Sample:
    if isinstance(X, Sample):
        return X
    if y is None:
        raise UsageError("ChurnModel.fit needs y beside a frame of features: 1 for who left, else 0.")
    if not isinstance(X, pd.DataFrame):
        raise UsageError(f"ChurnModel.fit needs a Sample or a DataFrame of features, not {type(X).__name__}.")
    known = pd.to_numeric(pd.Series(np.ravel(y)), errors="coerce").to_numpy("float64", na_value=np.nan)
    if len(known) != len(X) or not np.isin(known, (0.0, 1.0)).all():
        raise UsageError(f"ChurnModel.fit: y must hold 0 or 1 for each of the {len(X):,} rows.")
    label = pd.Series(known, X.index)
    return Sample(X, label, pd.Series(pd.NaT, X.index, dtype="datetime64[ns]"), "label")


def _rules(features: pd.DataFrame, left: np.ndarray) -> dict[str, Rule]:
    rules = {name: Rule.learn(features, left, column) for name, (column, _) in BASELINES.items() if column in features}
    alone = {name: Rule.learn(features, left, name) for name in features.columns}
    best = min(alone, key=lambda name: recalibration.log_loss(left, alone[name].chance(features)))
    if best not in [rule.column for rule in rules.values()]:
        rules[f"{best} alone"] = alone[best]
    rules["constant rate"] = Rule.learn(features, left, None)
    return rules


def _simplest(names: list[str], losses: dict[str, np.ndarray]) -> str:
    """The first model whose mean loss lies within one standard error of the lowest."""
    best = min(names, key=lambda name: losses[name].mean())
    for name in names:
        worse = losses[name] - losses[best]
        if worse.mean() <= worse.std() / np.sqrt(len(worse)):
            return name
    return best


def _words(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in settings.items())
