"""CloudWatch alarms that stand on the controller's own log: no controller, and one that does not reconcile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller.config.stack.document import ref

if TYPE_CHECKING:
    from controller.config.spec import ControllerSpec

Resources = dict[str, Any]

ALIVE = "alive"
"""The event that a running controller logs every minute, with the number of scalers that do not get through."""
STUCK = "not_reconciling"
"""Its field with that number."""
ALARMS = ("NoController", "NotReconciling")
_MINUTE = 60


def has_alarms(spec: ControllerSpec) -> bool:
    """Say whether the log holds what alarms stand on: events as JSON, those of level info among them."""
    return spec.log.format != "text" and spec.log.level in {"debug", "info"}


def build_alarms(spec: ControllerSpec) -> Resources:
    """Return the alarms and the filters that count what they stand on; none for a log that does not hold it."""
    if not has_alarms(spec):
        return {}
    silent = {"Statistic": "Sum", "Threshold": 1, "ComparisonOperator": "LessThanThreshold"}
    stuck = {"Statistic": "Maximum", "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold"}
    return {
        "AliveFilter": _build_filter(spec, "Alive", "1"),
        "StuckFilter": _build_filter(spec, "NotReconciling", f"$.{STUCK}"),
        ALARMS[0]: _build_alarm(spec, "no-controller", "Alive", silent, minutes=5, missing="breaching"),
        ALARMS[1]: _build_alarm(spec, "not-reconciling", "NotReconciling", stuck, minutes=3, missing="notBreaching"),
    }


def _build_filter(spec: ControllerSpec, metric: str, value: str) -> Resources:
    transformation = {"MetricNamespace": _namespace(spec), "MetricName": metric, "MetricValue": value}
    return {
        "Type": "AWS::Logs::MetricFilter",
        "Condition": "HasAlarms",
        "Properties": {
            "LogGroupName": ref("LogGroup"),
            "FilterPattern": f'{{ $.event = "{ALIVE}" }}',
            "MetricTransformations": [transformation],
        },
    }


def _build_alarm(
    spec: ControllerSpec, name: str, metric: str, judged: Resources, *, minutes: int, missing: str
) -> Resources:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Condition": "HasAlarms",
        "Properties": {
            "AlarmName": f"{spec.name}-{name}",
            "AlarmDescription": f"ecs-queue-controller {spec.name}: {name.replace('-', ' ')}",
            "Namespace": _namespace(spec),
            "MetricName": metric,
            **judged,
            "Period": _MINUTE,
            "EvaluationPeriods": minutes,
            "TreatMissingData": missing,
            "AlarmActions": [ref("AlarmTopic")],
            "OKActions": [ref("AlarmTopic")],
        },
    }


def _namespace(spec: ControllerSpec) -> str:
    return f"ecsq/{spec.name}"
