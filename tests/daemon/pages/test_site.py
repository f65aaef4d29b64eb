"""What every page keeps to: its headers, what is known already, and that no text runs."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.daemon.pages.conftest import HOSTILE
from tests.support.pages import Page

if TYPE_CHECKING:
    from tests.support.pages import Shown

PAGES = ("/", "/scalers/busy", "/scalers/denied", "/scalers/nobody", "/?name=%3Cscript%3E", "/?state=trouble&page=9")

each_page = pytest.mark.parametrize("path", PAGES)


@each_page
def test_nothing_but_our_own_files(shown: Shown, path: str) -> None:
    """A browser loads and runs nothing but what the controller serves, whatever stands in the page."""
    policy = shown.get(path).headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert [] == [part for part in policy if "unsafe" in part or "http" in part or "data:" in part]


@pytest.mark.parametrize("path", [*PAGES, "/history?scaler=busy&format=csv", "/history", "/static/page.js"])
def test_what_it_is_is_not_guessed(shown: Shown, path: str) -> None:
    """A browser takes each answer for what it says it is, and none for a page that it might look like."""
    assert "nosniff" == shown.get(path).headers["X-Content-Type-Options"]


@each_page
def test_no_script_or_style_in_the_page(shown: Shown, path: str) -> None:
    """Under that policy neither would work, so there is none: one script, from its file, and no handler."""
    page = Page(shown.get(path).text)
    handlers = [name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "style"]
    scripts = [attributes.get("src") for tag, attributes in page.tags if tag == "script"]
    assert ([], 1, True) == (handlers, len(scripts), str(scripts[0]).endswith("static/page.js"))
    assert "style" not in [tag for tag, _ in page.tags]


@pytest.mark.parametrize("path", ["/", "/scalers/denied", "/scalers/absent"])
def test_what_aws_says_stays_text(shown: Shown, path: str) -> None:
    """A text with markup in it is shown as it is, and is no element of the page."""
    answer = shown.get(path)
    assert HOSTILE in "".join(Page(answer.text).texts.values())
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("path", ["/scalers/<script>alert(1)</script>", "/?name=<script>alert(1)</script>"])
def test_what_a_reader_asks_for_stays_text(shown: Shown, path: str) -> None:
    """An address that somebody has made up puts nothing into the page."""
    answer = shown.get(path.replace("<", "%3C").replace(">", "%3E"))
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text


@pytest.mark.parametrize("path", [*PAGES, "/static/page.css", "/static/page.js", "/static/icon.svg"])
def test_a_page_that_is_known_is_not_sent_again(shown: Shown, path: str) -> None:
    """Whoever has it asks each time all the same, by its tag, and gets 304 without a body; another gets the page."""
    first = shown.get(path)
    again = shown.get(path, If_None_Match=f'"other", {first.headers["ETag"]}')
    expected = 404 if "nobody" in path else 304
    assert (expected, first.headers["ETag"]) == (again.status, again.headers["ETag"])
    assert ["no-cache"] * 2 == [answer.headers["Cache-Control"] for answer in (first, again)]
    other = shown.get(path, If_None_Match='W/"other"')
    assert (first.status, first.text) == (other.status, other.text)


def test_pages_are_compressed(shown: Shown) -> None:
    """As everything else that is large, for who takes it."""
    plain, packed = shown.get("/scalers/busy"), shown.get("/scalers/busy", Accept_Encoding="gzip")
    assert ("gzip", True) == (packed.headers["Content-Encoding"], int(packed.text) * 2 < len(plain.text))


@pytest.mark.parametrize("path", ["/", "/scalers/busy", "/history?scaler=busy", "/static/page.css"])
def test_pages_only_show(shown: Shown, path: str) -> None:
    """Nothing can be posted, and HEAD has the headers alone."""
    assert 405 == shown.get(path, method="POST").status
    head = shown.get(path, method="HEAD")
    assert (200, "") == (head.status, head.text)


def test_a_name_that_is_near(shown: Shown) -> None:
    """A scaler that is not there is 404, with the nearest name to go on with."""
    answer = shown.get("/scalers/bussy")
    assert (404, True) == (answer.status, 'href="../scalers/busy"' in answer.text)


def test_a_name_that_cannot_be_one(shown: Shown) -> None:
    """A page about an address with slashes in it finds its style and its way home all the same."""
    page = Page(shown.get("/scalers/a/b").text)
    assert ["../../static/page.css"] == [link for link in page.attributes("link", "href") if "css" in str(link)]
    assert "../../" in page.attributes("a", "href")


def test_every_link_leads_to_a_page(shown: Shown) -> None:
    """From the overview and from a scaler, to whatever they name."""
    for path, root in (("/", "/"), ("/scalers/busy", "/scalers/")):
        page = Page(shown.get(path).text)
        links = {str(link) for link in page.attributes("a", "href") if not str(link).startswith("#")}
        resolved = {link if link.startswith("/") else f"{root}{link}" for link in links if not link.startswith("?")}
        served = {re.sub(r"[^/]+/\.\./", "", link).replace("/./", "/") for link in resolved}
        assert dict.fromkeys(served, 200) == {link: shown.get(link).status for link in served}


@pytest.mark.parametrize("path", ["/", "/scalers/busy", "/scalers/denied", "/history?scaler=busy"])
def test_no_lock_of_a_reconcile_is_asked_for(shown: Shown, path: str) -> None:
    """A page is made while every reconcile is at work, and so holds none of them up."""
    with ExitStack() as held:
        held.enter_context(shown.services.budget._lock)
        held.enter_context(shown.services.clusters._lock)
        for scaler in shown.scalers.values():
            held.enter_context(scaler._lock)
        held.enter_context(shown.scalers["busy"]._target.cluster.roster._lock)
        assert 200 == shown.get(path).status
