"""What the account of the embedded AWS allows, where moto knows nothing of it: Fargate's quotas, and any subnet."""

from __future__ import annotations

from xml.sax.saxutils import escape

from controller.sandbox.aws.wire import HttpAnswer, Request, make_json_answer

DEFAULT_VCPUS = 4000.0
DEFAULT_ADDRESSES = 4091
"""Free addresses of a subnet of 4096, of which AWS keeps five."""
_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


class Account:
    """The quotas and the subnets. Subnets are not created: each that is asked for by its id is there."""

    def __init__(self) -> None:
        self.vcpus = DEFAULT_VCPUS
        """The value of each of Fargate's quotas of vCPUs."""
        self.addresses: dict[str, int] = {}
        """Free addresses by subnet, where they are not DEFAULT_ADDRESSES."""

    def reset(self) -> None:
        """Return to the defaults."""
        self.vcpus = DEFAULT_VCPUS
        self.addresses.clear()

    def answer(self, request: Request) -> HttpAnswer | None:
        """Answer a request about a quota of Fargate's, or about subnets by id; None: it is neither."""
        parameters = request.parameters
        if request.operation == "GetServiceQuota" and parameters.get("ServiceCode") == "fargate":
            quota = {"ServiceCode": "fargate", "QuotaCode": parameters.get("QuotaCode"), "Value": self.vcpus}
            return make_json_answer({"Quota": quota})
        ids = [str(value) for name, value in parameters.items() if name.startswith("SubnetId.")]
        if request.service == "ec2" and request.operation == "DescribeSubnets" and ids:
            return self._describe(ids)
        return None

    def _describe(self, ids: list[str]) -> HttpAnswer:
        items = "".join(
            f"<item><subnetId>{escape(each)}</subnetId><availableIpAddressCount>"
            f"{self.addresses.get(each, DEFAULT_ADDRESSES)}</availableIpAddressCount></item>"
            for each in ids
        )
        body = f'<DescribeSubnetsResponse xmlns="{_NAMESPACE}"><subnetSet>{items}</subnetSet></DescribeSubnetsResponse>'
        return HttpAnswer(200, body.encode(), {"Content-Type": "text/xml"})
