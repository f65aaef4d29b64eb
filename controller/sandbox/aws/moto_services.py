"""moto, called in this process: every service but ECS, where moto is too lenient to test a launcher with."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sqs import models as sqs_models
from werkzeug.test import run_wsgi_app

from controller.sandbox.aws.wire import HttpAnswer, Json, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.sqs.models import SQSBackend

    from controller.sandbox.aws.arns import Arns


class MotoServices:
    """moto's application without moto's server. Its backends belong to the process, so all instances share them."""

    def __init__(self, arns: Arns, now: Callable[[], float]) -> None:
        """``now`` returns seconds since the epoch; moto's queues go by it, those of earlier instances too."""
        self._account, self._region = arns.account_id, arns.region
        self._application = DomainDispatcherApplication(create_backend_app)
        # moto computes the time from a datetime, several times for each message, which takes ten times as long.
        setattr(sqs_models, "unix_time_millis", lambda: now() * 1000)  # noqa: B010 - moto does not export the name

    @property
    def sqs(self) -> SQSBackend:
        """The queues of this account and region."""
        return sqs_models.sqs_backends[self._account][self._region]

    def find_other_owner(self, parameters: Json) -> str | None:
        """Return the account of the queue that a request to SQS names, if that is another one than this."""
        in_url = str(parameters.get("QueueUrl", "")).split("/")[-2:-1]
        named = parameters.get("QueueOwnerAWSAccountId") or next(filter(str.isdecimal, in_url), None)
        return named if named not in {None, self._account} else None

    def is_secret(self, name: str) -> bool:
        """Say whether a parameter is a SecureString."""
        from moto.ssm.models import ssm_backends  # noqa: PLC0415 - few ask for it, and it takes a while

        parameter = ssm_backends[self._account][self._region].get_parameter(name)
        return parameter is not None and parameter.parameter_type == "SecureString"

    def is_encrypted(self, bucket: str, key: str) -> bool:
        """Say whether an object is encrypted with a key of KMS."""
        from moto.s3.models import s3_backends  # noqa: PLC0415 - as above

        buckets = s3_backends[self._account]["aws"].buckets
        stored = buckets[bucket].keys.get(key) if bucket in buckets else None
        return stored is not None and stored.encryption == "aws:kms"

    def tags_of(self, queue: str) -> dict[str, str]:
        """Return the tags of a queue, by its name; none of one that does not exist."""
        found = self.sqs.queues.get(queue)
        return dict(found.tags or {}) if found else {}

    def reset(self) -> None:
        """Forget every queue."""
        self.sqs.reset()

    def answer(self, request: Request) -> HttpAnswer:
        """Carry out a request to any service, and return its answer."""
        body, status, headers = run_wsgi_app(self._application, self._build_environ(request), buffered=True)
        kept = {name: value for name, value in headers.items() if name.lower() not in ("content-length", "date")}
        return HttpAnswer(int(status.split(" ", 1)[0]), b"".join(body), kept)

    def _build_environ(self, request: Request) -> dict[str, object]:
        url = urlsplit(request.path)
        name, _, port = request.headers.get("host", "localhost").partition(":")
        headers = {f"HTTP_{key.upper().replace('-', '_')}": value for key, value in request.headers.items()}
        return headers | {
            "HTTP_X_MOTO_ACCOUNT_ID": self._account,
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(url.path, "latin-1"),
            "QUERY_STRING": url.query,
            "RAW_URI": request.path,
            "REQUEST_URI": request.path,
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(request.body)),
            "SERVER_NAME": name,
            "SERVER_PORT": port or "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(request.body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
