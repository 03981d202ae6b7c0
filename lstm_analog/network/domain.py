"""What effort and flow are called and measured in; effort times flow is watt in each."""

from dataclasses import dataclass
from types import MappingProxyType


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


ELECTRICAL = Domain(
    name="electrical",
    effort="voltage",
    effort_unit="V",
    flow="current",
    flow_unit="A",
    conductance_unit="S",
    capacitance_unit="F",
)

DOMAINS = MappingProxyType({domain.name: domain for domain in (ELECTRICAL,)})
"""Every domain by its name."""
