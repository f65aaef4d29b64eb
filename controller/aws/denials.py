"""A denial of AWS in words that say what to mend: a policy, the credentials, or this machine's clock.

What AWS says of a denial is documented in the IAM User Guide, "Troubleshoot access denied error messages", and in the
common errors of each service. No key of a scaler is at fault.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from controller.aws.operations import ANSWERS, BY_COMMANDS
from controller.core.words import format_span

CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""The codes with which AWS does not accept the credentials, or the signature that was made with them."""
CLOCK = frozenset({"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"})
"""The codes with which it does not take the time of the signature."""
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "KMS.AccessDeniedException", "UnauthorizedOperation"})
"""The codes with which a policy forbids a call."""
ACCOUNT = frozenset({"Blocked", "BlockedException", "OptInRequired"})
"""The codes with which AWS does not let the whole account do something."""
CODES = CREDENTIALS | CLOCK | DENIED | ACCOUNT

_EXPIRED = re.compile(r"\bsignature (expired|not yet current)\b", re.IGNORECASE)
"""A signature's time, in the words of any code: "Signature expired: OURS is now earlier than ... (THEIRS - 5 min.)",
"Signature not yet current: OURS is still later than ... (THEIRS + 5 min.)" (aws/aws-sdk-js 401, aws/aws-sdk-go 487,
aws-amplify/aws-sdk-android 88)."""
_CIPHERTEXT = "ciphertext refers to"
"""Systems Manager's words where it may not decrypt, which name neither action nor key: "The ciphertext refers to a
customer master key that does not exist, does not exist in this region, or you are not allowed to access.\""""
_TIMES = re.compile(r": *(?P<ours>\d{8}T\d{6}Z)\b.*\((?P<theirs>\d{8}T\d{6}Z) *[-+]")
_ACTION = re.compile(
    r"(?P<who>arn:aws[\w-]*:(?:iam|sts)::\S+)? *is not authorized to perform: *(?P<action>[\w-]+:\w+)"
    r"(?: on resource: *(?P<resource>\S+))?(?P<why>.*)",
    re.IGNORECASE,
)
_PRINCIPAL = re.compile(r"(?:(?P<role>assumed-role)|(?P<user>user))/(?P<name>[^/\s]+)")
_BY_THE_ROLE = re.compile(r"^[.,\s]*(because no identity-based policy allows\b.*)?$", re.IGNORECASE)
"""The end of a denial that a policy of the role's own would lift; any other end names another policy."""
_PREFIXES = {"eventbridge": "events", "service-quotas": "servicequotas"}
"""What IAM calls a service, where it is not what botocore does."""
_SERVICES = {operation: _PREFIXES.get(service, service) for service, operation in (*ANSWERS, *BY_COMMANDS)}
_ACTIONS = {f"{service}:{operation}".lower(): f"{service}:{operation}" for operation, service in _SERVICES.items()}
_OF_COMMANDS = frozenset(f"{_SERVICES[operation]}:{operation}" for _, operation in BY_COMMANDS)
"""What only commands need, and no policy of the controller's has."""


def is_about_clock(code: str, message: str) -> bool:
    """Say whether AWS refuses the time of a signature."""
    return code in CLOCK or _EXPIRED.search(message) is not None


def explain_denial(subject: str, code: str, message: str, operation: str) -> str:
    """Return what is denied and what to mend, without AWS's own words.

    ``operation`` is that which was asked for, and ``subject`` names what of, such as ``RunTask in cluster "main"``.
    """
    if is_about_clock(code, message):
        return f"{subject}: {_explain_clock(message)}"
    if _CIPHERTEXT in message:
        return (
            f"{subject} cannot be decrypted: {_add_to('the task role', 'kms:Decrypt', None)}, and see its key's policy"
        )
    if code in CREDENTIALS or code in ACCOUNT or code.startswith("KMS."):
        return f"{subject}: {_explain_code(code)}"
    return _explain_policy(subject, " ".join(message.split()), operation)


def _explain_code(code: str) -> str:
    if code in CREDENTIALS:
        return "AWS does not accept the credentials: give the task a role, or the shell a valid profile"
    if code in ACCOUNT:
        return "AWS does not allow this account to do it: ask AWS Support"
    return "the key that encrypts it may not be used: change the key's policy, as AWS says"


def _explain_clock(message: str) -> str:
    times = _TIMES.search(message)
    off = "wrong"
    if times is not None:
        seconds = _read(times["ours"]) - _read(times["theirs"])
        off = f"{format_span(abs(seconds))} {'fast' if seconds > 0 else 'slow'}"
    return f"this machine's clock is {off}, and AWS refuses requests signed at another time: set the clock by NTP"


def _read(moment: str) -> float:
    return datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _explain_policy(subject: str, message: str, operation: str) -> str:
    found = _ACTION.search(message)
    asked = f"{_SERVICES.get(operation, 'ecs')}:{operation}"
    if found is None:
        return f"{_say_denied(subject, asked)}: {_add_to('the task role', asked, None)}"
    action = _ACTIONS.get(found["action"].lower(), found["action"])
    who, denied = _name_principal(found["who"]), _say_denied(subject, action)
    if not _BY_THE_ROLE.match(found["why"]):
        return f"{denied}: change the policy that AWS names; adding {action} to that of {who} does not help"
    return f"{denied}: {_add_to(who, action, found['resource'])}"


def _say_denied(subject: str, action: str) -> str:
    """Say first of all which action is denied, and for what; a subject that begins with the action names it already."""
    is_named = subject.startswith(f"{action.partition(':')[2]} ")
    return f"not allowed to {subject}" if is_named else f"not allowed to {action} for {subject}"


def _add_to(who: str, action: str, resource: str | None) -> str:
    what = "" if resource is None else f" for {resource.rstrip('.,')}"
    printed = "" if action in _OF_COMMANDS else ", as ecsq iam prints it"
    return f"add {action}{what} to the policy of {who}{printed}"


def _name_principal(arn: str | None) -> str:
    """Return ``role NAME`` or ``user NAME``; a task's role where AWS does not say who asks."""
    principal = None if arn is None else _PRINCIPAL.search(arn)
    if principal is None:
        return "the task role"
    return f"{'role' if principal['role'] else 'user'} {principal['name']}"
