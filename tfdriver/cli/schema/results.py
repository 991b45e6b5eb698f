"""Which value each command returns."""

from __future__ import annotations

from collections.abc import Mapping

from tfdriver.cli.demo import Told
from tfdriver.cli.sandbox import FiredRule
from tfdriver.deploy.plan import Planned
from tfdriver.deploy.render import Rendered
from tfdriver.deploy.result import RunResult
from tfdriver.deploy.verified import Verified
from tfdriver.inspect.explain import Explanation
from tfdriver.inspect.graph.draw import Drawn
from tfdriver.inspect.policy import OperatorPolicies
from tfdriver.inspect.report.write import Reported
from tfdriver.inspect.status import Status
from tfdriver.project.init import InitResult

RESULTS: Mapping[str, type] = {
    "init": InitResult,
    "render": Rendered,
    "plan": Planned,
    "up": RunResult,
    "tighten": RunResult,
    "destroy": RunResult,
    "verify": Verified,
    "status": Status,
    "explain": Explanation,
    "report": Reported,
    "graph": Drawn,
    "policy": OperatorPolicies,
    "sandbox": FiredRule,
    "demo": Told,
}
