"""What the stack's template is printed for in tests."""

from __future__ import annotations

from controller.config import ControllerSpec, load
from controller.config.stack import Account, Plan, WorkerRoles, list_rights, pack
from controller.core.address import Parameter, Remote
from tests.deploy.documents import ROOT


def plan_stack(spec: ControllerSpec, address: Remote, roles: WorkerRoles) -> Plan:
    """Return the plan of a template, as the command makes it."""
    account = Account.of_deployment(spec.aws.region)
    return Plan(spec, address, pack(list_rights(spec, account, roles, address)), roles)


def plan_example() -> Plan:
    """Return that of deploy/stack.yaml: the example configuration, without asking AWS."""
    spec = load(ROOT / "config.yaml").spec
    return plan_stack(spec, Parameter("/ecsq/config"), WorkerRoles(parameter="WorkerRoles"))
