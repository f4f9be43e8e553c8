"""Asking a registry: what it has and has lost, whom it lets in, and what happens when it is ill."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlgate.errors import ConfigError, DataError, InfraError
from mlgate.image import registry
from mlgate.image.reference import Reference

DIGEST = "sha256:" + "a" * 64
Answer = Callable[[BaseHTTPRequestHandler, int], tuple[int, dict[str, str], bytes]]


class Registry:
    """An HTTP server that answers as `answer(request, number)` says, and remembers who asked for what."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Answer = lambda request, number: (404, {}, b"")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                status, headers, body = outer.answer(self, len(outer.asked))
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815 - the server's word

            def log_message(self, format: str, *arguments: object) -> None:
                """Stay quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def image(self) -> Reference:
        return Reference.parse(f"{self.address}/fraud@{DIGEST}")


@pytest.fixture
def ill(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registry]:
    monkeypatch.setattr(registry, "FIRST_PAUSE", 0.01)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    made = Registry()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        (f"ghcr.io/ada/fraud@{DIGEST}", "ghcr.io/ada/fraud", DIGEST),
        ("localhost:5000/fraud:v1", "localhost:5000/fraud", "v1"),
        (f"127.0.0.1:5000/fraud:v1@{DIGEST}", "127.0.0.1:5000/fraud", DIGEST),
        ("python", "docker.io/library/python", "latest"),
        ("ada/fraud", "docker.io/ada/fraud", "latest"),
    ],
)
def test_a_name_is_read_as_people_write_it(text: str, name: str, version: str) -> None:
    found = Reference.parse(text)
    assert (found.name, found.version) == (name, version)


@pytest.mark.parametrize(
    "text", ["", "ghcr.io/Ada/fraud", "ghcr.io/x@sha256:12", "-rf", "a b", "ghcr.io/x:a:b", "../x"]
)
def test_what_names_no_image_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="names no image"):
        Reference.parse(text)


@pytest.mark.parametrize(("host", "scheme"), [("127.0.0.1:5", "http"), ("localhost:5", "http"), ("ghcr.io", "https")])
def test_only_a_registry_on_this_machine_is_asked_without_tls(host: str, scheme: str) -> None:
    assert Reference.parse(f"{host}/fraud").url.startswith(f"{scheme}://")


def test_what_a_registry_has_no_more_is_missing_and_asked_for_once(ill: Registry) -> None:
    assert registry.digest(ill.image()) == ""
    assert registry.missing(ill.image()) == [DIGEST]
    assert len(ill.asked) == 2


def test_a_lost_layer_is_missing_though_the_manifest_is_there(ill: Registry) -> None:
    config, kept, lost = ("sha256:" + letter * 64 for letter in "cde")
    body = json.dumps({"config": {"digest": config}, "layers": [{"digest": kept}, {"digest": lost}]}).encode()
    there = registry._digest(body)
    ill.answer = lambda request, _: (404, {}, b"") if lost in request.path else (200, {}, body)
    assert registry.missing(Reference.parse(f"{ill.address}/fraud@{there}")) == [lost]


def test_other_bytes_under_a_digest_are_refused(ill: Registry) -> None:
    ill.answer = lambda *_: (200, {}, b"{}")
    with pytest.raises(DataError, match="other bytes"):
        registry.manifest(ill.image())


@pytest.mark.parametrize("status", [429, 500, 503])
def test_case_22_an_ill_registry_is_asked_a_few_times_and_then_given_up(ill: Registry, status: int) -> None:
    ill.answer = lambda *_: (status, {}, b"")
    with pytest.raises(InfraError, match=f"answers {status}") as caught:
        registry.digest(ill.image())
    assert len(ill.asked) == registry.ATTEMPTS
    assert "goes on serving" in caught.value.mend


def test_case_22_a_registry_that_recovers_is_believed(ill: Registry) -> None:
    ill.answer = lambda _, number: (200, {}, b"{}") if number == 3 else (429, {"retry-after": "0"}, b"")
    assert registry.digest(ill.image()) == DIGEST


def test_case_22_a_registry_that_is_not_there_or_never_answers_is_given_up(
    ill: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InfraError, match="ConnectError"):
        registry.digest(Reference.parse(f"127.0.0.1:1/fraud@{DIGEST}"))
    monkeypatch.setattr(registry, "TIMEOUT", 0.05)
    waiting = threading.Event()
    ill.answer = lambda *_: (waiting.wait(5), {}, b"")  # type: ignore[return-value,arg-type]
    try:
        with pytest.raises(InfraError, match="ReadTimeout"):
            registry.digest(ill.image())
    finally:
        waiting.set()


def test_a_registry_that_refuses_us_is_a_matter_of_logging_in(ill: Registry) -> None:
    ill.answer = lambda *_: (403, {}, b"")
    with pytest.raises(ConfigError, match="refuses us") as caught:
        registry.digest(ill.image())
    assert "docker login" in caught.value.mend
    assert len(ill.asked) == 1


def test_a_challenge_is_answered_with_the_token_that_a_login_gets(ill: Registry, tmp_path: Path) -> None:
    login = base64.b64encode(b"ada:secret").decode()
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(json.dumps({"auths": {ill.address: {"auth": login}}}))
    realm = f'Bearer realm="http://{ill.address}/token",service="s",scope="repository:fraud:pull"'

    def answer(request: BaseHTTPRequestHandler, _: int) -> tuple[int, dict[str, str], bytes]:
        if request.path.startswith("/token"):
            known = request.headers["authorization"] == f"Basic {login}"
            return (200, {}, b'{"token": "t"}') if known else (401, {}, b"")
        allowed = request.headers["authorization"] == "Bearer t"
        return (200, {}, b"{}") if allowed else (401, {"www-authenticate": realm}, b"")

    ill.answer = answer
    assert registry.digest(ill.image()) == DIGEST
    assert ill.asked[1] == "/token?service=s&scope=repository%3Afraud%3Apull"
    (tmp_path / ".docker" / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="401"):
        registry.digest(ill.image())


def test_a_password_is_not_sent_without_tls_to_where_a_registry_points(ill: Registry) -> None:
    import httpx

    from mlgate.image.credentials import authorise

    far = Reference.parse(f"ghcr.io/ada/fraud@{DIGEST}")
    with httpx.Client() as client, pytest.raises(ConfigError, match="without TLS"):
        authorise(client, far, 'Bearer realm="http://evil.example/token"')
