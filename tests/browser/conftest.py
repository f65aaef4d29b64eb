"""Chromium without a window, and a real daemon whose scalers are in every state."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from controller.sandbox.aws import Disturbance
from tests.support.aws import eventually
from tests.support.daemon import SOON, running
from tests.support.states import STATES, provoke

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver import Chrome

    from controller.sandbox.aws import EmbeddedAws
    from tests.support.daemon import Daemon

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MISSING = "chromium and its driver are not installed (Debian: chromium, chromium-driver)"
FLAGS = ("--headless=new", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1")


@pytest.fixture(scope="session")
def browser() -> Iterator[Chrome]:
    """Start Chromium once; without one the tests are skipped."""
    if BROWSER is None or DRIVER is None:
        pytest.skip(MISSING)
    from selenium import webdriver  # noqa: PLC0415 - half a second of import, for those who use it
    from selenium.webdriver.chrome.service import Service  # noqa: PLC0415

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    # Its own sandbox needs rights that root in a container does not have.
    for flag in (*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def daemon(browser: Chrome, own_aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon until each of its scalers is in its state; AWS is slow and loses answers meanwhile."""
    with running(tmp_path_factory.mktemp("browser"), provoke(own_aws)) as process:
        wanted = {name: state.value for name, state in STATES.items()}
        eventually(lambda: wanted == {name: process.scaler(name)["condition"] for name in wanted}, within=SOON)
        own_aws.disturbances.add(
            Disturbance("sqs", "GetQueueAttributes", "lost_answer", times=None, probability=0.02),
            Disturbance("*", "*", "slow", times=None, probability=0.2, delay=0.2),
        )
        yield process


@pytest.fixture(scope="module")
def own_aws(browser: Chrome) -> Iterator[EmbeddedAws]:
    """Give an embedded AWS of the module's own, which no other test resets."""
    from controller.sandbox.aws import EmbeddedAws  # noqa: PLC0415 - a second of import, for those who use it

    with EmbeddedAws(seed=1) as aws:
        yield aws


def look(browser: Chrome, url: str, *, width: int = 1280, height: int = 800, scheme: str = "light") -> None:
    """Open a page in a window of that size, in light or dark."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(url)


def ask(browser: Chrome, script: str, *arguments: Any) -> Any:
    """Return what a piece of script gives in the page."""
    return browser.execute_script(f"return {script}", *arguments)
