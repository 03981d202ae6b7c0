"""The names and units of effort and flow in a circuit and in plumbing; their product is a power (W) in both."""

from dataclasses import dataclass
from types import MappingProxyType

from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.labels import check_label


@checked_record
@dataclass(frozen=True, kw_only=True)
class Domain:
    """One energy domain: the names and SI units of its quantities."""

    name: str
    effort: str
    effort_unit: str
    flow: str
    flow_unit: str
    conductance_unit: str
    capacitance_unit: str

    def __post_init__(self) -> None:
        """Check that the name is a label and the rest printable ASCII, for all of it is written into netlists."""
        check_label(self.name)
        for what, text in vars(self).items():
            if not (text.isascii() and text.isprintable()):
                must, do = "be printable ASCII", "spell the unit in letters"
                raise InvalidValueError(explain(f"domain {what}", must=must, got=ascii(text)[:80], do=do))

    @property
    def units(self) -> dict[str, str]:
        """The SI unit by kind of quantity: `effort`, `flow`, `conductance` and so on; `1` is a plain number."""
        return {
            "effort": self.effort_unit,
            "flow": self.flow_unit,
            "conductance": self.conductance_unit,
            "capacitance": self.capacitance_unit,
            "per_effort": f"1/{self.effort_unit}",
            "inertance": f"{self.effort_unit} s/({self.flow_unit})",
            "frequency": "rad/s",
            "time": "s",
            "1": "1",
        }


ELECTRICAL = Domain(
    name="electrical",
    effort="voltage",
    effort_unit="V",
    flow="current",
    flow_unit="A",
    conductance_unit="S",
    capacitance_unit="F",
)

HYDRAULIC = Domain(
    name="hydraulic",
    effort="pressure",
    effort_unit="Pa",
    flow="volume flow",
    flow_unit="m3/s",
    conductance_unit="m3/(s Pa)",
    capacitance_unit="m3/Pa",
)

DOMAINS = MappingProxyType({domain.name: domain for domain in (ELECTRICAL, HYDRAULIC)})
"""Every domain by its name."""
