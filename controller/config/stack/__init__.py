"""What a configuration needs on AWS: the controller's policy, and a CloudFormation template with everything else."""

from __future__ import annotations

from controller.config.stack.arns import LONGEST, Account
from controller.config.stack.document import write_template
from controller.config.stack.policies import StackError, pack, render_policy
from controller.config.stack.rights import Rights, WorkerRoles, list_rights
from controller.config.stack.template import Plan, build_template

__all__ = [
    "LONGEST",
    "Account",
    "Plan",
    "Rights",
    "StackError",
    "WorkerRoles",
    "build_template",
    "list_rights",
    "pack",
    "render_policy",
    "write_template",
]
