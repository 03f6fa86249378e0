"""Recalibration: probabilities put right by what happened to customers who were not fitted."""

from __future__ import annotations

import numpy as np


def log_losses(left: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Return each customer's log loss, array of shape (n,)."""
    held = np.clip(chance, 1e-6, 1 - 1e-6)
    return -np.where(left == 1, np.log(held), np.log1p(-held))


def log_loss(left: np.ndarray, chance: np.ndarray) -> float:
    """Return the mean log loss."""
    return float(log_losses(left, chance).mean())


def _log_odds(chance: np.ndarray) -> np.ndarray:
    held = np.clip(chance, 1e-6, 1 - 1e-6)
    return np.log(held / (1 - held))


def learn(left: np.ndarray, chance: np.ndarray) -> tuple[float, float]:
    """Return intercept and slope of leaving on the log odds of the prediction (Platt 1999)."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=np.inf, tol=1e-7).fit(_log_odds(chance)[:, None], left)
    slope = float(fitted.coef_[0, 0])
    # Where predictions out of fold say nothing, a slope below 0 would turn the order of customers round.
    return (float(fitted.intercept_[0]), slope) if slope > 0 else (0.0, 1.0)


def apply(chance: np.ndarray, line: tuple[float, float]) -> np.ndarray:
    """Return the probabilities on a line of `learn`."""
    return 1 / (1 + np.exp(-(line[0] + line[1] * _log_odds(chance))))
