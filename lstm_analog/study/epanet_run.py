"""Run EPANET 2.2, as shipped with wntr, on an input file; wntr's own model of a network is not used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.guest import own_folder
from lstm_analog.errors import SimulationError, SimulatorMissingError, explain
from lstm_analog.export.epanet import LITRE
from lstm_analog.files import read_file

_HEAD, _FLOW = 10, 8
"""The codes of head and flow in EPANET's toolkit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EpanetResult:
    """The result of EPANET: `heads` (m) of nodes, (k,), and `flows` (m3/s) through links, (m,)."""

    heads: Floats
    flows: Floats


Simulator = Callable[[Path, Sequence[str], Sequence[str]], EpanetResult]
"""Function from the path of an input file and the names of nodes and links to their heads and flows."""


def run_epanet(path: str | Path, nodes: Sequence[str], links: Sequence[str]) -> EpanetResult:
    """Return heads and flows by EPANET from the input file at `path`, of the `nodes` and `links` of these names.

    Raises `SimulatorMissingError` if wntr is not installed, `SimulationError` if EPANET refuses the file or does not
    converge; the message contains its own.
    """
    toolkit, exceptions = _wntr("toolkit"), _wntr("exceptions")
    with own_folder() as folder:
        report = folder / "out.rpt"
        project = toolkit.ENepanet(version=2.2)
        answer, complaints = None, []
        try:
            project.ENopen(str(path), str(report), str(folder / "out.bin"))
            answer = _solved(project, nodes, links)
        except exceptions.EpanetException as error:
            complaints.append(str(error))
        finally:
            project.ENclose()
        complaints += project.errcodelist
        if answer is None or complaints:
            got = " | ".join(_said(report) or complaints)[:500]
            raise SimulationError(explain("EPANET", must="solve the file", got=got, do=f"look at {Path(path).name}"))
    return answer


def _solved(project: Any, nodes: Sequence[str], links: Sequence[str]) -> EpanetResult:
    project.ENopenH()
    project.ENinitH(0)
    project.ENrunH()
    heads = [project.ENgetnodevalue(project.ENgetnodeindex(name), _HEAD) for name in nodes]
    flows = [project.ENgetlinkvalue(project.ENgetlinkindex(name), _FLOW) for name in links]
    project.ENcloseH()
    return EpanetResult(heads=np.array(heads), flows=LITRE * np.array(flows))


def _wntr(module: str) -> Any:
    try:
        return import_module(f"wntr.epanet.{module}")
    except ImportError as error:
        do = "pip install wntr six"
        raise SimulatorMissingError(explain("EPANET", must="be installed with wntr", got=error, do=do)) from error


def _said(report: Path) -> list[str]:
    lines = read_file(report).decode("latin-1").splitlines() if report.exists() else []
    return [line.strip() for line in lines if "error" in line.lower() or "warning" in line.lower()]
