"""The clients of one controller in every account and region that its scalers name, each made at its first use.

What belongs to an account and a region, AWS's limits on it and a rest after a throttle, is shared by all roles there.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from threading import RLock

from controller.aws.credentials import Credentials
from controller.aws.pace import Limits
from controller.aws.roles import RoleCredentials, assume_role
from controller.aws.session import Clients, RequestObserver
from controller.clock import Clock
from controller.config import OWN, AccessSpec, AwsSpec


class AllClients:
    """Clients by access. Safe to use from every thread."""

    def __init__(self, spec: AwsSpec, controller: str, observe: RequestObserver, clock: Clock) -> None:
        """Make none yet."""
        self._spec = spec
        self._controller = controller
        self._observe = observe
        self._clock = clock
        self._credentials = Credentials(spec.region, clock.elapsed)
        self._limits: dict[tuple[str | None, str | None], Limits] = {}
        self._made: dict[AccessSpec, Clients] = {}
        self._lock = RLock()

    @property
    def own(self) -> Clients:
        """Those of the controller's own account and region."""
        return self.of(OWN)

    def of(self, access: AccessSpec) -> Clients:
        """Return the clients by which something is reached. Asks AWS nothing."""
        with self._lock:
            if access not in self._made:
                self._made[access] = self._make(access)
            return self._made[access]

    def renew(self) -> None:
        """Read all credentials anew, those of roles at their next use."""
        with self._lock:
            made = list(self._made.values())
        for clients in made:
            clients.renew()

    def _make(self, access: AccessSpec) -> Clients:
        reach = self._spec if access.region is None else replace(self._spec, region=access.region)
        if access.where not in self._limits:
            self._limits[access.where] = Limits(self._spec.listing_rate, self._clock)
        return Clients(
            reach,
            self._controller,
            self._observe,
            self._clock,
            credentials=self._credentials if access.role_arn is None else self._take_role(access, reach),
            limits=self._limits[access.where],
            elsewhere=str(access),
        )

    def _take_role(self, access: AccessSpec, reach: AwsSpec) -> Credentials:
        """Return the credentials of a role, which the region's own STS grants: no other region's outage matters."""
        base = self.of(AccessSpec(access.region))
        assume = partial(assume_role, base, access, self._controller)
        return Credentials(
            reach.region, self._clock.elapsed, RoleCredentials(str(access.role_arn), assume, self._clock)
        )
