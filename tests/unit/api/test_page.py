"""How the page is served: its document, the files of its build, and what a browser gets elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.http import page
from api.http.security import HEADERS
from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
CURL = {"Accept": "*/*"}
INDEX = (
    '<html><head><link href="./icon.svg" /><script src="./index-1.js"></script></head><a href="./docs">docs</a></html>'
)
FILES = {
    "index.html": INDEX,
    "index-1.js": "plain",
    "index-1.js.br": "small",
    "index-1.js.gz": "smaller",
    "view-2.css": "css",
}
VIEWS = ["/", *(re.sub("<.*>", "some-thing", path) for path in page.VIEWS)]


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build of a few words."""
    folder = tmp_path / "page"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    monkeypatch.setattr(page, "BUILD", folder)
    return folder


@pytest.fixture
def client(build: Path, tmp_path: Path) -> FlaskClient:
    """A client of an application with that build."""
    return create_app(Settings(home=tmp_path)).test_client()


class TestDocument:
    """One HTML document for every view."""

    @pytest.mark.parametrize("path", VIEWS)
    def test_is_the_same_at_each_view(self, client: FlaskClient, path: str) -> None:
        """Whichever is asked for first, by anybody."""
        answer = client.get(path, headers=CURL)
        assert (answer.status_code, answer.mimetype) == (200, "text/html")
        assert 'src="/static/page/index-1.js"' in answer.text

    def test_knows_where_it_is(self, build: Path, tmp_path: Path) -> None:
        """Below a prefix all its addresses are below it too."""
        app = create_app(Settings(home=tmp_path, base_path="/lab/flightline"))
        text = app.test_client().get("/jobs/1", base_url="http://localhost/lab/flightline").text
        assert '<meta name="base" content="/lab/flightline" />' in text
        assert re.findall('(?:href|src)="([^"]*)"', text) == [
            "/lab/flightline/static/icon.svg",
            "/lab/flightline/static/page/index-1.js",
            "/lab/flightline/docs",
        ]

    def test_is_asked_for_again_and_not_sent_again(self, client: FlaskClient) -> None:
        """A browser learns of a new release at its next load."""
        first = client.get("/")
        again = client.get("/", headers={"If-None-Match": first.headers["ETag"]})
        assert first.headers["Cache-Control"] == "no-cache"
        assert (again.status_code, again.data) == (304, b"")

    def test_follows_a_new_build(self, client: FlaskClient, build: Path) -> None:
        """`make web` under a running service is enough, and changes the tag."""
        before = client.get("/").headers["ETag"]
        (build / "index.html").write_text(INDEX.replace("index-1", "index-2"))
        after = client.get("/", headers={"If-None-Match": before})
        assert after.status_code == 200
        assert "index-2" in after.text

    def test_has_the_policy_of_every_answer(self, client: FlaskClient) -> None:
        """Nothing of another host, nothing inline, no frame."""
        assert HEADERS.items() <= dict(client.get("/").headers).items()

    def test_has_a_head(self, client: FlaskClient) -> None:
        """HEAD says what GET would."""
        answer, whole = client.head("/"), client.get("/")
        assert answer.data == b""
        assert answer.headers["ETag"] == whole.headers["ETag"]

    def test_says_how_to_build_it(self, client: FlaskClient, build: Path) -> None:
        """A checkout without a build names the command."""
        (build / "index.html").unlink()
        answer = client.get("/", headers=BROWSER)
        assert answer.status_code == 404
        assert "make web" in answer.text


class TestFiles:
    """What the document names."""

    @pytest.mark.parametrize(
        "accepted,encoding,body",
        [
            ("gzip, deflate, br, zstd", "br", "small"),
            ("gzip, deflate", "gzip", "smaller"),
            ("br;q=0, gzip", "gzip", "smaller"),
            ("identity", None, "plain"),
            ("", None, "plain"),
        ],
    )
    def test_are_sent_as_small_as_the_browser_takes_them(
        self, client: FlaskClient, accepted: str, encoding: str | None, body: str
    ) -> None:
        """Compressed when they were built; caches keep the kinds apart."""
        answer = client.get("/static/page/index-1.js", headers={"Accept-Encoding": accepted})
        assert (answer.text, answer.headers.get("Content-Encoding")) == (body, encoding)
        assert (answer.mimetype, answer.headers["Vary"]) == ("text/javascript", "Accept-Encoding")

    def test_are_sent_whole_where_none_is_compressed(self, client: FlaskClient) -> None:
        """A file that the build left alone."""
        answer = client.get("/static/page/view-2.css", headers={"Accept-Encoding": "br"})
        assert (answer.text, answer.headers.get("Content-Encoding")) == ("css", None)

    def test_are_kept_for_ever(self, client: FlaskClient) -> None:
        """A change of contents is a change of name."""
        assert "immutable" in client.get("/static/page/index-1.js").headers["Cache-Control"]

    def test_have_a_tag_for_each_encoding(self, client: FlaskClient) -> None:
        """A tag stands for the very bytes, and saves sending them again."""
        plain = client.get("/static/page/index-1.js").headers["ETag"]
        small = client.get("/static/page/index-1.js", headers={"Accept-Encoding": "br"}).headers["ETag"]
        again = client.get("/static/page/index-1.js", headers={"Accept-Encoding": "br", "If-None-Match": small})
        assert plain != small
        assert (again.status_code, again.data) == (304, b"")

    @pytest.mark.parametrize("name", ["index-9.js", "index-1.js.br", "..%2f..%2f__init__.py", "index-1.js/"])
    def test_beside_them_is_nothing(self, client: FlaskClient, name: str) -> None:
        """No file of another release, none by its stored name, none outside."""
        answer = client.get(f"/static/page/{name}", headers=BROWSER)
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
        assert "immutable" not in answer.headers["Cache-Control"]


class TestElsewhere:
    """Addresses at which nothing is."""

    def test_a_person_gets_the_page(self, client: FlaskClient) -> None:
        """It has words for it, and the way back."""
        answer = client.get("/jbos", headers=BROWSER)
        assert (answer.status_code, answer.mimetype) == (404, "text/html")

    @pytest.mark.parametrize(
        "path,headers", [("/jbos", CURL), ("/jbos", {"Accept": "application/json"}), ("/v1/jbos", BROWSER)]
    )
    def test_a_program_gets_a_problem(self, client: FlaskClient, path: str, headers: dict[str, str]) -> None:
        """What asks for JSON or for anything, and whoever asks the API."""
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")

    def test_nothing_is_sent_to(self, client: FlaskClient) -> None:
        """A form to nowhere is a program's mistake."""
        assert client.post("/jbos", headers=BROWSER).mimetype == "application/problem+json"


def test_the_page_has_a_view_for_each_path_that_serves_it() -> None:
    """`VIEWS` and web/src/views/index.ts agree: each path has one view, and each view a path."""
    source = (ROOT / "web" / "src" / "views" / "index.ts").read_text(encoding="utf-8")
    patterns = [re.compile(found) for found in re.findall(r"pattern: /(.+?)/,", source)]
    matches = {path: [pattern for pattern in patterns if pattern.search(path)] for path in VIEWS}
    assert {len(found) for found in matches.values()} == {1}
    assert {pattern for found in matches.values() for pattern in found} == set(patterns)
