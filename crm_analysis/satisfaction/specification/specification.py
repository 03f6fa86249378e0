"""Specification: what measures what and what causes what, said once for every estimator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction import blueprint, questionnaire
from crm_analysis.satisfaction.specification import answers as answered
from crm_analysis.satisfaction.specification import defaults, identification
from crm_analysis.satisfaction.specification.construct import Construct
from crm_analysis.satisfaction.specification.ordering import causal_order, focus
from crm_analysis.satisfaction.specification.spelling import known
from crm_analysis.satisfaction.syntax import Row, names_in, parse, write

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Model:
    """A satisfaction model: constructs, the items that measure them, and the paths between them.

    Attributes
    ----------
    name : str
        What it is called.
    constructs : tuple of Construct
        In the order in which tables list them.
    paths : tuple of (source, target)
        Names of constructs: the source is a cause of the target.
    extra : tuple of Row
        What goes beyond: labels, fixed values, residual covariances, defined effects.
    target : str
        The construct that the model is about, whose index is made; empty: see `focus`.

    Raises
    ------
    UsageError
        If a name stands for two constructs, a path leads to an unknown construct, is there twice, or paths run in a
        circle, or the target is no construct.
    """

    name: str
    constructs: tuple[Construct, ...]
    paths: tuple[tuple[str, str], ...] = ()
    extra: tuple[Row, ...] = ()
    target: str = ""

    def __post_init__(self) -> None:
        names = self.names
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"The model {self.name} has two constructs called {name!r}; give each its own name.")
        for path in self.paths:
            for end in path:
                if end not in names:
                    raise UsageError(
                        f"The path {path[0]} -> {path[1]} of the model {self.name} leads to an unknown construct, "
                        f"{end!r}; {known(end, names)}."
                    )
            if self.paths.count(path) > 1:
                raise UsageError(f"The model {self.name} has the path {path[0]} -> {path[1]} twice; keep one.")
        if self.target and self.target not in names:
            raise UsageError(
                f"The model {self.name} has no construct {self.target!r} to be its target; {known(self.target, names)}."
            )
        causal_order(self.names, self.paths, model=self.name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the constructs."""
        return tuple(construct.name for construct in self.constructs)

    @property
    def items(self) -> tuple[str, ...]:
        """Columns of the answers that the model needs, each once, in the order of the constructs."""
        columns = (
            item for construct in self.constructs for item in construct.items if not self._is_part(construct, item)
        )
        return tuple(dict.fromkeys(columns))

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the constructs with every source before its targets."""
        return causal_order(self.names, self.paths, model=self.name)

    @property
    def exogenous(self) -> tuple[str, ...]:
        """Names of the constructs that no other one causes."""
        return tuple(name for name in self.names if not self.sources(name))

    @property
    def focus(self) -> str:
        """The construct that findings begin with and the index is of: see `ordering.focus`."""
        return self.target or focus(self.names, self.paths)

    def construct(self, name: str) -> Construct:
        """Return the construct of that name; UsageError if there is none."""
        for construct in self.constructs:
            if construct.name == name:
                return construct
        raise UsageError(f"The model {self.name} has no construct {name!r}; {known(name, self.names)}.")

    def sources(self, target: str) -> tuple[str, ...]:
        """Return the names of the constructs that a path leads from to `target`, in the order of the constructs."""
        self.construct(target)
        causes = {source for source, hit in self.paths if hit == target}
        return tuple(name for name in self.names if name in causes)

    def targets(self, source: str) -> tuple[str, ...]:
        """Return the names of the constructs that a path leads to from `source`, in the order of the constructs."""
        self.construct(source)
        effects = {target for origin, target in self.paths if origin == source}
        return tuple(name for name in self.names if name in effects)

    def measured_by(self, items: Mapping[str, str | Sequence[str]], *, composites: Iterable[str] = ()) -> Model:
        """Bind items to constructs.

        Parameters
        ----------
        items : mapping of str to str or sequence of str
            Construct -> the columns of the answers that measure it.
        composites : iterable of str
            Constructs that are the weighted sum of their items, not the cause of them.

        Returns
        -------
        Model
            Constructs that are not named keep the items they have.

        Raises
        ------
        UsageError
            If the model has no construct of a name.
        """
        bound = {name: (given,) if isinstance(given, str) else tuple(given) for name, given in items.items()}
        composed = {composites} if isinstance(composites, str) else set(composites)
        for name in (*bound, *sorted(composed)):
            self.construct(name)
        changed = (
            replace(
                construct,
                items=bound.get(construct.name, construct.items),
                kind="composite" if construct.name in composed else construct.kind,
            )
            for construct in self.constructs
        )
        return replace(self, constructs=tuple(changed))

    def extended(self, text: str) -> Model:
        """Return the model with what a text in lavaan's notation adds: labels, paths, covariances, defined effects.

        Parameters
        ----------
        text : str
            See `syntax.parse`; it names constructs and items as the model does.

        Returns
        -------
        Model
            A path between two constructs, or an item of a construct, that is not there yet is added.
        """
        rows = parse(text)
        added = {name: tuple(row.rhs for row in rows if row.op == "=~" and row.lhs == name) for name in self.names}
        for row in rows:
            if row.op in ("=~", "<~"):
                self.construct(row.lhs)
        constructs = (
            replace(construct, items=tuple(dict.fromkeys((*construct.items, *added[construct.name]))))
            for construct in self.constructs
        )
        between = [(row.rhs, row.lhs) for row in rows if row.op == "~" and {row.lhs, row.rhs} <= set(self.names)]
        paths = (*self.paths, *(path for path in between if path not in self.paths))
        return replace(self, constructs=tuple(constructs), paths=paths, extra=(*self.extra, *rows))

    def without(self, *names: str) -> Model:
        """Return the model without these constructs, their paths, and what `extra` says of them or their items."""
        gone = {*names, *(item for name in names for item in self.construct(name).items)}
        kept = [row for row in self.extra if not {row.lhs, row.rhs} & gone]
        labels = {label for row in kept for label in row.labels} | {row.lhs for row in kept if row.op == ":="}
        return replace(
            self,
            constructs=tuple(construct for construct in self.constructs if construct.name not in names),
            paths=tuple(path for path in self.paths if not set(path) & set(names)),
            target="" if self.target in names else self.target,
            extra=tuple(row for row in kept if row.op not in (":=", "==") or set(names_in(row.rhs)) <= labels),
        )

    def variable(self, name: str) -> str:
        """Return what a construct is called in `rows`: its own name, or that of its only item."""
        return defaults.variable(self.construct(name), self.extra)

    def rows(self) -> tuple[Row, ...]:
        """Return every parameter of the model with lavaan's defaults; see `defaults.complete`."""
        self._check_complete()
        return defaults.complete(self.constructs, self.paths, self.extra)

    def to_lavaan(self) -> str:
        """Return the model with all defaults as a text in lavaan's notation."""
        return write(self.rows())

    @classmethod
    def from_lavaan(cls, text: str, *, name: str = "own") -> Model:
        """Read a model in lavaan's notation.

        Parameters
        ----------
        text : str
            See `syntax.parse`. A variable that only stands in regressions becomes a construct with itself as its item.
        name : str
            What to call the model.

        Returns
        -------
        Model
            Its `rows` are what lavaan's `sem` makes of the text. There, a latent and an observed exogenous variable
            do not covary unless the text says so; in a model made otherwise they do.

        Raises
        ------
        UsageError
            If the text is not understood, or its paths run in a circle.
        """
        constructs, paths, extra = defaults.split(parse(text))
        return cls(name, constructs, paths, extra)

    def check(
        self,
        answers: pd.DataFrame,
        scale: tuple[float, float] | Mapping[str, tuple[float, float]] | None = None,
        *,
        covariances: bool = False,
    ) -> None:
        """Check that the model can be estimated from these answers, before anything is fitted.

        Parameters
        ----------
        answers : DataFrame
            A row per respondent and a column per item; NaN is a missing answer.
        scale : tuple, or mapping of str to tuple, optional
            Lowest and highest code of all items, or of each item by name; codes are not checked without it.
        covariances : bool
            Whether the covariances of the items are to be fitted (CB-SEM): then the model must be identified, no item
            may be a sum of others, and there must be more respondents than items and at least as many as free
            parameters.

        Raises
        ------
        UsageError
            If a construct has no item, an item is no column of the answers, or the model is not identified.
        DataError
            If an item is a text, constant or outside its scale, or respondents are too few. With fewer than ten
            respondents nothing is estimated; a target needs more respondents than it has sources and two beside.
        """
        self._check_complete()
        answered.check_items(answers, self.items, scale=scale)
        answered.check_number(answers, self.items, most_sources=max(len(self.sources(name)) for name in self.names))
        if covariances:
            self.identification().require()
            free = identification.free_parameters(self.rows())
            answered.check_covariances(answers, self.items, free=free)

    def identification(self) -> identification.IdentificationResult:
        """Return whether the model has one best solution only, construct by construct, by the usual rules."""
        self._check_complete()
        return identification.assess(self.name, self.constructs, self.paths, self.rows())

    def describe(self) -> blueprint.ModelResult:
        """Return the model as a table of its constructs, with pictures of the logic and of the structural model."""
        return blueprint.describe(self.name, self.constructs, self.paths, self.extra)

    def questionnaire(
        self,
        *,
        language: str = "en",
        provider: str = "",
        competition: bool = False,
        segments: bool = False,
        questions: Mapping[str, Mapping[str, str]] | None = None,
        scale: tuple[float, float] | None = None,
        codes: Mapping[str, tuple[float, float]] | None = None,
    ) -> questionnaire.QuestionnaireResult:
        """Return a questionnaire that measures this model; the arguments are those of `questionnaire.compose`."""
        return questionnaire.compose(
            self.name,
            self.constructs,
            self.paths,
            language=language,
            provider=provider,
            competition=competition,
            segments=segments,
            questions=questions,
            scale=scale,
            codes=codes,
        )

    def _is_part(self, construct: Construct, item: str) -> bool:
        """Whether an item is itself a construct, which the second-order `construct` is measured by."""
        return item != construct.name and item in self.names

    def _check_complete(self) -> None:
        empty = [construct.name for construct in self.constructs if not construct.items]
        if empty:
            which = ", ".join(repr(name) for name in empty)
            raise UsageError(
                f"The model {self.name} has no items for {which}; bind them with "
                f'measured_by({{"{empty[0]}": [...]}}), or leave the construct out with without("{empty[0]}").'
            )
        there = (*self.names, *self.items)
        for row in self.extra:
            for name in (row.lhs, row.rhs) if row.op not in (":=", "==") else ():
                if name and name not in there:
                    raise UsageError(
                        f"The model {self.name} has no construct and no item {name!r}, of which '{row}' speaks; "
                        f"{known(name, there)}."
                    )
