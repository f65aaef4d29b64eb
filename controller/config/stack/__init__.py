"""What a configuration needs on AWS: the controller's policy, and a CloudFormation template with everything else."""

from __future__ import annotations

from controller.config.stack.arns import LONGEST, Account
from controller.config.stack.document import write_template
from controller.config.stack.policies import StackError, pack, render_policy
from controller.config.stack.rights import list_assumed_roles, list_rights, list_rights_of_role
from controller.config.stack.statement import Rights, WorkerRoles
from controller.config.stack.template import Plan, build_template
from controller.config.stack.trust import build_trust
from controller.config.stack.webhooks import name_secrets

__all__ = [
    "LONGEST",
    "Account",
    "Plan",
    "Rights",
    "StackError",
    "WorkerRoles",
    "build_template",
    "build_trust",
    "list_assumed_roles",
    "list_rights",
    "list_rights_of_role",
    "name_secrets",
    "pack",
    "render_policy",
    "write_template",
]
