"""Gamma-gamma: what customers spend on a purchase, learned from few purchases with the help of all."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from scipy.special import digamma, gammaln

from crm_analysis.errors import DataError, UsageError
from crm_analysis.value.models.history import FEWEST
from crm_analysis.value.models.likelihood import Maximum, maximise

CORRELATED = 0.3
"""From this correlation of frequency and spend on, the model's assumption that they are unrelated is doubted."""

_NAMES = ("p", "q", "v")
_STARTS = ((1.0, 2.0, 1.0), (6.0, 4.0, 0.5), (3.0, 20.0, 6.0))


class GammaGamma:
    """Gamma-gamma model of spend (Fader, Hardie and Lee 2005).

    What a customer spends on a purchase is Gamma(p, nu) round a mean of his or her own, and nu is Gamma(q, v) over
    customers; neither is related to how often one buys. Parameters: p, q, v (currency).

    Attributes
    ----------
    params_, parameters_, log_likelihood_, customers_, cautions_
        As in `PurchaseModel`; learned from customers with a repeat purchase.
    correlation_ : float
        Of frequency and mean spend, over these.

    Notes
    -----
    With x repeat purchases of mean m, L = Gamma(px+q) / (Gamma(px) Gamma(q)) v^q x^(px) m^(px-1) / (v+xm)^(px+q). The
    expected mean spend of a customer is p (v + x m) / (p x + q - 1), which lies between the own mean and that of all,
    p v / (q - 1).

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). RFM and CLV: using iso-value curves for customer base
    analysis. Journal of Marketing Research 42(4), 415-430.
    """

    label = "Gamma-gamma"
    names = _NAMES

    def fit(self, summary: pd.DataFrame) -> GammaGamma:
        """Learn the parameters by maximum likelihood.

        Parameters
        ----------
        summary : DataFrame
            One row per customer with ``frequency`` and ``monetary``, the mean spend on repeat purchases; customers
            without one are left out.

        Returns
        -------
        self

        Raises
        ------
        UsageError
            If a column is missing.
        DataError
            If a spend is not positive, too few customers bought again, or all spend the same.

        Warns
        -----
        UserWarning
            If frequency and spend correlate beyond 0.3 either way, or spend has no finite mean.
        """
        x, m = _repeat_spend(summary)
        if not (m > 0).all():
            bad = ~(m > 0)
            raise DataError(
                f"GammaGamma: the mean spend on repeat purchases must be positive; {int(bad.sum())} of {len(m)} "
                f"customers have another, the first {m[bad][0]:g}; leave out returns and purchases for nothing."
            )
        if len(m) < FEWEST:
            raise DataError(
                f"GammaGamma: it takes {FEWEST} customers who bought a second time to learn how spend differs, and "
                f"there are {len(m)}; give a longer log."
            )
        if np.ptp(m) < 1e-9 * m.max():
            raise DataError(
                f"GammaGamma: all {len(m):,} customers spend the same, {m[0]:g} a purchase, so that there is no "
                "difference to learn; use that amount as it is."
            )
        scale = float(m.mean())
        counts, place = np.unique(x, return_inverse=True)
        m = m / scale
        log_m, spent = np.log(m), x * m

        def likelihood(logs: np.ndarray) -> tuple[float, np.ndarray]:
            p, q, v = params = np.exp(logs)
            shape = p * counts
            late = np.log(spent + v)
            by_count = gammaln(shape + q) - gammaln(shape) + shape * np.log(counts)
            total = by_count[place] + q * np.log(v) - gammaln(q) + (p * x - 1) * log_m - (p * x + q) * late
            slope = (counts * (digamma(shape + q) - digamma(shape) + np.log(counts)))[place] + x * (log_m - late)
            slopes = [
                slope.sum(),
                (digamma(shape + q)[place] - digamma(q) + np.log(v) - late).sum(),
                (q / v - (p * x + q) / (spent + v)).sum(),
            ]
            return float(total.sum()), params * np.array(slopes)

        found = maximise(likelihood, np.log(_STARTS).tolist(), weight=float(len(m)))
        shift = np.array([0.0, 0.0, np.log(scale)])
        value = found.value - len(m) * np.log(scale)
        self.maximum_ = Maximum(found.logs + shift, found.covariance, found.held, value)
        self.params_ = pd.Series(self.maximum_.params, index=list(_NAMES), name=self.label)
        self.parameters_ = self.maximum_.table(_NAMES)
        self.log_likelihood_ = value
        self.customers_ = len(m)
        self.correlation_ = float(np.corrcoef(x, m)[0, 1]) if np.ptp(x) > 0 else 0.0
        self.cautions_ = self._cautions()
        for caution in self.cautions_:
            warnings.warn(caution, UserWarning, stacklevel=2)
        return self

    def mean_spend(self, summary: pd.DataFrame) -> pd.Series:
        """Return what each customer is expected to spend on a purchase, in the long run.

        Parameters
        ----------
        summary : DataFrame
            One row per customer with ``frequency`` and ``monetary``; who has no repeat purchase gets the mean of all.

        Returns
        -------
        Series
            Currency, with the index of `summary`.

        Raises
        ------
        DataError
            If q is 1 or less, so that the mean over all customers is infinite, and somebody needs it.
        """
        x, spent = self._history(summary)
        return pd.Series(self._mean(self.maximum_.params, x, spent), index=summary.index, name="mean_spend")

    def forecast(self, summary: pd.DataFrame) -> pd.DataFrame:
        """Return each customer's expected spend on a purchase, with 95 % intervals.

        Parameters
        ----------
        summary : DataFrame
            As for `mean_spend`.

        Returns
        -------
        DataFrame
            customer_id (if there), ``mean_spend`` with the interval of the parameters' uncertainty (delta method, log
            scale), and ``own_mean_low``, ``own_mean_high``: where the customer's own mean lies, given the history (at
            the estimated parameters, p / nu with nu Gamma(px+q, v+xm)).
        """
        from scipy.stats import gamma

        from crm_analysis.proportion import Z

        x, spent = self._history(summary)
        p, q, v = params = self.maximum_.params
        centre = np.log(self._mean(params, x, spent))
        half = Z * self.maximum_.errors_of(lambda other: np.log(self._mean(other, x, spent)))
        ids = {"customer_id": summary["customer_id"].to_numpy()} if "customer_id" in summary.columns else {}
        found = {"mean_spend": centre, "mean_spend_low": centre - half, "mean_spend_high": centre + half}
        own = {
            f"own_mean_{end}": p * (v + spent) / gamma.ppf(point, p * x + q)
            for end, point in (("low", 0.975), ("high", 0.025))
        }
        logs = {name: np.exp(values) for name, values in found.items()}
        return pd.DataFrame({**ids, **logs, **own}, index=summary.index)

    def draw(
        self, summary: pd.DataFrame, counts: np.ndarray, params: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        """Draw what customers spend on given numbers of purchases; counts of shape (draws, n), params (3, draws, 1)."""
        x, spent = self._history(summary)
        p, q, v = params
        nu = generator.gamma(p * x + q) / (v + spent)
        # Who buys nothing spends nothing; a gamma of nearly no shape would take long to draw.
        return np.where(counts > 0, generator.gamma(np.where(counts > 0, p * counts, 1.0)) / nu, 0.0)

    def _mean(self, params: np.ndarray, x: np.ndarray, spent: np.ndarray) -> np.ndarray:
        p, q, v = params
        shape = p * x + q - 1
        if not (shape > 0).all():
            raise DataError(
                f"GammaGamma: q is {q:.2f}, not above 1, so that the mean spend of a customer without repeat "
                "purchases is infinite; look at very large amounts, or give a longer log."
            )
        return np.asarray(p * (v + spent) / shape)

    def _history(self, summary: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Repeat purchases and what was spent on all of them, 0 without one."""
        if not hasattr(self, "params_"):
            raise UsageError("GammaGamma has not learned anything yet; call fit(summary) first.")
        _check_columns(summary)
        x = summary["frequency"].to_numpy("float64")
        return x, np.where(x > 0, x * np.nan_to_num(summary["monetary"].to_numpy("float64")), 0.0)

    def _cautions(self) -> tuple[str, ...]:
        said = []
        if abs(self.correlation_) > CORRELATED:
            how = "more" if self.correlation_ > 0 else "less"
            said.append(
                f"Gamma-gamma: who buys more often spends {how} on a purchase (correlation {self.correlation_:.2f}), "
                "but the model takes the two for unrelated: values of frequent buyers are biased."
            )
        if self.params_["q"] <= 1:
            said.append(
                f"Gamma-gamma: q is {self.params_['q']:.2f}, not above 1: a few very large amounts leave spend without "
                "a finite mean."
            )
        return tuple(said)

    def __repr__(self) -> str:
        if not hasattr(self, "params_"):
            return "GammaGamma()"
        params = ", ".join(f"{name}={value:.4g}" for name, value in self.params_.items())
        return f"GammaGamma({params}; {self.customers_:,} customers)"


def _check_columns(summary: pd.DataFrame) -> None:
    missing = [name for name in ("frequency", "monetary") if name not in summary.columns]
    if missing:
        raise UsageError(f"GammaGamma: the summary has no column {missing[0]!r}; make one with clv.summarise.")


def _repeat_spend(summary: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    _check_columns(summary)
    again = summary[summary["frequency"] > 0]
    return again["frequency"].to_numpy("float64"), pd.to_numeric(again["monetary"], errors="coerce").to_numpy("float64")
