"""Model: the satisfaction models that are usual (ACSI, ECSI, CCSI), and the one that a study names."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction.specification import indices
from crm_analysis.satisfaction.specification.construct import Construct
from crm_analysis.satisfaction.specification.specification import Model
from crm_analysis.satisfaction.specification.spelling import known
from crm_analysis.satisfaction.syntax import Row

if TYPE_CHECKING:
    from crm_analysis.study.config import StudyConfig, SurveyConfig
    from crm_analysis.study.study import Study

__all__ = ["ACSI", "CCSI", "ECSI", "PRESETS", "Construct", "Model", "Row", "of"]


def _preset(name: str) -> Model:
    return Model(name, tuple(Construct(construct) for construct in indices.CONSTRUCTS[name]), indices.PATHS[name])


ACSI = _preset("ACSI")
"""American Customer Satisfaction Index; complaints: has complained.

Fornell, C., Johnson, M. D., Anderson, E. W., Cha, J., and Bryant, B. E. (1996). The American Customer Satisfaction
Index: nature, purpose, and findings. Journal of Marketing 60(4), 7-18.
"""

ECSI = _preset("ECSI")
"""European Customer Satisfaction Index; complaints: how well they are handled.

Tenenhaus, M., Esposito Vinzi, V., Chatelin, Y.-M., and Lauro, C. (2005). PLS path modeling. Computational Statistics
and Data Analysis 48(1), 159-205.
"""

CCSI = _preset("CCSI")
"""Chinese Customer Satisfaction Index: the six constructs of GB/T 19038-2009 and eleven paths between them.

Accounts of the index in Chinese examination texts for quality engineers say that the six constructs stand in eleven
causal relations, that image, expectations, quality and value are causes of satisfaction, and that loyalty is its
effect. That leaves six relations for the six pairs of causes, so each pair has one: image leads to expectations,
quality and value, expectations to quality and value, quality to value. The direction within the pairs follows the
order in which the constructs are listed and the ACSI; it, and the wording of the standard, could not be checked
against the standard itself. Where a trade needs other paths, ``dataclasses.replace(CCSI, paths=...)`` changes them.
"""

PRESETS = {"acsi": ACSI, "ecsi": ECSI, "ccsi": CCSI}
"""Models by the name that study.toml gives them."""


def of(study: Study | StudyConfig | SurveyConfig) -> Model:
    """Return the model of a study: what the section ``[survey]`` of its study.toml says.

    Parameters
    ----------
    study : Study, StudyConfig or SurveyConfig
        An open study, or what its study.toml says. ``model`` names a preset (acsi, ecsi or ccsi), or
        ``[survey.paths]`` lists for each construct those that it leads to; ``[survey.constructs]`` lists the items.

    Returns
    -------
    Model
        With its items bound, and the setting ``target`` for its target. Constructs that the model does not know are
        left to other analyses.

    Raises
    ------
    UsageError
        If there is no model, no such preset, both a preset and paths, a construct has no items, or the target is no
        construct.
    """
    config: Any = getattr(study, "config", study)
    survey: SurveyConfig = getattr(config, "survey", config)
    listed = survey.constructs
    if survey.paths and survey.model:
        raise UsageError(
            f'study.toml: [survey] has model = "{survey.model}" and [survey.paths]; keep one, the preset or your paths.'
        )
    if survey.paths:
        paths = tuple((source, target) for source, targets in survey.paths.items() for target in targets)
        within = {end for path in paths for end in path}
        names = (*(name for name in listed if name in within), *sorted(within - set(listed)))
        model = Model("own", tuple(Construct(name) for name in names), paths)
    elif survey.model.lower() in PRESETS:
        model = PRESETS[survey.model.lower()]
    elif survey.model:
        raise UsageError(
            f'study.toml: [survey] model = "{survey.model}" is not known; {known(survey.model, [*PRESETS])}.'
        )
    else:
        raise UsageError(
            'study.toml names no satisfaction model; write model = "acsi" (or ecsi, ccsi) under [survey], or your own '
            "paths under [survey.paths], and the items of each construct under [survey.constructs]."
        )
    lacking = [name for name in model.names if not listed.get(name)]
    if lacking:
        there = ", ".join(listed) or "no construct"
        raise UsageError(
            f"study.toml: [survey.constructs] lists no items for {lacking[0]!r}, which the model {model.name} needs "
            f"(listed: {there}); add it, or write [survey.paths] for a model without it."
        )
    target = survey.target
    if target and target not in model.names:
        raise UsageError(
            f"study.toml: [survey] target = {json.dumps(target, ensure_ascii=False)} is no construct of the model "
            f"{model.name}; {known(target, model.names)}."
        )
    return replace(model, target=target).measured_by({name: listed[name] for name in model.names})
