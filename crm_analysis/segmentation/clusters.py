"""Clusters: are there groups of customers who behave alike, how many, and would they come back?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError
from crm_analysis.segmentation import shares
from crm_analysis.segmentation.grouping import stability
from crm_analysis.segmentation.grouping.account import ClustersResult
from crm_analysis.segmentation.grouping.encoding import BEHAVIOUR
from crm_analysis.segmentation.grouping.estimator import FEWEST, Clusters, used
from crm_analysis.segmentation.grouping.partition import METHODS

__all__ = ["BEHAVIOUR", "METHODS", "Clusters", "ClustersResult", "find"]


def find(
    customers: pd.DataFrame,
    *,
    method: str = "kmeans",
    count: int | None = None,
    features: Sequence[str] | None = None,
    most: int = 8,
    smallest: float = 0.02,
    resamples: int = 50,
    sample: int = 2000,
    seed: int = 0,
    label: str = "",
    currency: str = "",
) -> ClustersResult:
    """Find the clusters of customers who bought, and say what each is like and how sure it is.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, as `Study.customer360` gives them. Customers without a purchase (``frequency`` 0) are left
        out and counted; ``monetary``, where it is there, is what clusters bring.
    method, count, features, most, smallest, resamples, sample, seed
        As for `Clusters`.
    label, currency : str
        What to call this view, such as its date; the currency of spend.

    Returns
    -------
    ClustersResult
        Its ``model`` is the fitted `Clusters`, which places customers of another day. Where these customers cannot be
        divided (too few of them, nothing that tells them apart, no columns), one that says so.

    Raises
    ------
    UsageError
        If a parameter is not understood, or a feature given is no column.

    Notes
    -----
    The intervals of profiles take the clusters as given. They describe who is in a cluster; as the clusters were made
    to differ in these very features, they are no test that they differ.
    """
    bought = customers
    if "frequency" in customers.columns:
        bought = customers[customers["frequency"] > 0].reset_index(drop=True)
    left_out, wanted = len(customers) - len(bought), used(customers, features)
    why = ""
    if not wanted:
        why = "This study holds nothing on what customers do, so there are no clusters to look for."
    elif len(bought) < FEWEST:
        why = f"Clusters need {FEWEST} customers with a purchase; there {_are(len(bought))}."
    if why:
        return ClustersResult.empty(why, left_out=left_out, label=label, currency=currency)
    settings = {"most": most, "smallest": smallest, "resamples": resamples, "sample": sample, "seed": seed}
    try:
        model = Clusters(method=method, count=count, features=wanted, **settings).fit(bought)  # type: ignore[arg-type]
    except DataError as refused:
        why = f"There are no clusters to find: {str(refused).removeprefix('clusters: ')}"
        return ClustersResult.empty(why, left_out=left_out, label=label, currency=currency)
    labels = pd.Series(np.array(model.names_, dtype=object)[model.labels_])
    sums = {"spend": shares.spend_of(bought)}
    table = shares.by_group(labels, names=model.names_, column="cluster", sums=sums)
    table["jaccard"] = model.stability_
    table["verdict"] = [stability.verdict(j) if np.isfinite(j) else "one crowd" for j in model.stability_]
    ids = {"customer_id": bought["customer_id"]} if "customer_id" in bought.columns else {}
    places = dict(zip(("first_component", "second_component"), _map(model.encoding_.points(bought)).T, strict=True))
    placed = pd.DataFrame({**ids, "cluster": labels, "certainty": model.certainty(bought), **places})
    return ClustersResult(table, model.profiles_, model.choice_, placed, model, "", left_out, label, currency)


def _map(points: np.ndarray) -> np.ndarray:
    """The first two principal components; the larger loading of each is positive, so that the map never flips."""
    _, axes = np.linalg.eigh(np.atleast_2d(np.cov(points.T)))
    main = axes[:, ::-1][:, :2]
    main = main * np.sign(main[np.abs(main).argmax(axis=0), np.arange(main.shape[1])])
    found = (points - points.mean(axis=0)) @ main
    return np.column_stack([found, np.zeros(len(found))])[:, :2]


def _are(number: int) -> str:
    return "is 1" if number == 1 else f"are {number}"
