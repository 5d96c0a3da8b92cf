"""Laws of chance, and when sends are caused."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, GetJsonSchemaHandler, StrictInt, StrictStr, model_validator
from pydantic_core import CoreSchema

from simrt.scenario.fields import (
    Allowed,
    DurationNs,
    OneOf,
    OneOrMore,
    PaceField,
    Part,
    PositiveDurationNs,
    PositiveNumber,
    Probability,
    RateField,
)
from simrt.scenario.units import DURATION_PATTERN

# Shares are written in decimals: a third three times is 0.999999999.
_ROUNDING = 1e-6


class Erlang(Part):
    """A sum of `shape` equal exponential stages with this mean in all."""

    mean_ns: PositiveDurationNs = Field(alias="mean", description="The mean of the whole sum.")
    shape: StrictInt = Field(ge=1, le=1_000_000, description="How many stages.")


class Uniform(Part):
    """Equally likely between two durations."""

    low_ns: DurationNs = Field(alias="low", description="The shortest.")
    high_ns: PositiveDurationNs = Field(alias="high", description="The longest.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low_ns > self.high_ns:
            raise ValueError("low at most as long as high")
        return self


class Phase(Part):
    """One phase of a hyperexponential: with probability `p`, exponential with this mean."""

    p: Probability = Field(description="The probability of this phase.")
    mean_ns: PositiveDurationNs = Field(alias="mean", description="The mean of this phase.")


class Distribution(OneOf):
    """A law for a length of time; a bare duration means `constant`."""

    constant_ns: DurationNs | None = Field(
        default=None, alias="constant", description="Always this long."
    )
    exponential_ns: PositiveDurationNs | None = Field(
        default=None, alias="exponential", description="Exponential with this mean."
    )
    erlang: Erlang | None = Field(default=None, description="Erlang: steadier than exponential.")
    uniform: Uniform | None = Field(default=None, description="Uniform between two durations.")
    hyperexponential: Annotated[
        tuple[Phase, ...] | None, Allowed("a list of two phases or more, each {p: …, mean: …}")
    ] = Field(
        default=None,
        min_length=2,
        description="A choice among exponentials: mostly short, some long.",
    )

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """The laws."""
        return ("constant", "exponential", "erlang", "uniform", "hyperexponential")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The schema of the part, or a bare duration."""
        schema = super().__get_pydantic_json_schema__(core, handler)
        part = {
            key: schema.pop(key) for key in tuple(schema) if key not in ("title", "description")
        }
        schema["anyOf"] = [{"type": "string", "pattern": DURATION_PATTERN}, {"const": 0}, part]
        return schema

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: object) -> object:
        if isinstance(value, str) or (value == 0 and isinstance(value, int)):
            return {"constant": value}
        return value

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.hyperexponential is not None:
            total = sum(phase.p for phase in self.hyperexponential)
            if abs(total - 1) > _ROUNDING:
                raise ValueError(f"phases whose p add up to 1; these add up to {total:g}")
        return self

    @property
    def mean_ns(self) -> float:
        """The mean, in nanoseconds."""
        if self.constant_ns is not None:
            return float(self.constant_ns)
        if self.exponential_ns is not None:
            return float(self.exponential_ns)
        if self.erlang is not None:
            return float(self.erlang.mean_ns)
        if self.uniform is not None:
            return (self.uniform.low_ns + self.uniform.high_ns) / 2
        assert self.hyperexponential is not None
        return sum(phase.p * phase.mean_ns for phase in self.hyperexponential)


class BatchSize(OneOf):
    """How many sends one batch holds: always `fixed`, or geometric (1, 2, …) with this mean."""

    fixed: StrictInt | None = Field(default=None, ge=1, description="Always so many.")
    geometric: OneOrMore | None = Field(default=None, description="Geometric with this mean.")

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """`fixed` or `geometric`."""
        return ("fixed", "geometric")

    @property
    def mean(self) -> float:
        """The mean number of sends."""
        return float(self.fixed if self.fixed is not None else self.geometric or 1)


class Batch(OneOf):
    """Batches at random or at even distances; the sends of one batch share one instant."""

    rate: RateField | None = Field(
        default=None, description="Batches per unit of time, independent of each other."
    )
    periodic: PaceField | None = Field(
        default=None, description="Batches at even distances: a period or a rate."
    )
    size: BatchSize

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """At random or at even distances."""
        return ("rate", "periodic")

    @property
    def sends_per_s(self) -> float:
        """The mean number of sends per second."""
        batches = self.rate if self.rate is not None else self.periodic
        assert batches is not None
        return batches.per_s * self.size.mean


class OnOff(Part):
    """Poisson sends during `on` periods, none during `off` periods; starts on."""

    rate: RateField = Field(description="Sends per unit of time while on.")
    on: Distribution = Field(description="How long it sends.")
    off: Distribution = Field(description="How long it is silent.")


class Trace(Part):
    """Recorded times: CSV or JSON Lines with `t` and `event`, optionally `data`."""

    file: Annotated[StrictStr, Allowed("the name of a trace file, as text")] = Field(
        min_length=1, description="The recording, relative to the scenario's folder."
    )
    compress: Annotated[
        PositiveNumber, Allowed("a number above 0: recorded seconds per scenario second")
    ] = Field(
        default=1, description="Recorded seconds per scenario second: 60 makes an hour a minute."
    )
    offset_ns: DurationNs = Field(
        default=0,
        alias="offset",
        description="Recorded time that is skipped, counted from the first row.",
    )


class Arrivals(OneOf):
    """When sends are caused."""

    poisson: RateField | None = Field(
        default=None, description="Independent of each other, at this mean rate."
    )
    periodic: PaceField | None = Field(
        default=None, description="At even distances: a period such as 5s, or a rate."
    )
    batch: Batch | None = Field(default=None, description="Several in one instant.")
    on_off: OnOff | None = Field(
        default=None, alias="on-off", description="Busy and silent periods in turn."
    )
    trace: Trace | None = Field(default=None, description="As recorded.")

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """The processes."""
        return ("poisson", "periodic", "batch", "on-off", "trace")
