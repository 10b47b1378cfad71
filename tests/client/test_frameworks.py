"""Programs that others' frameworks start and end: gunicorn, Django, Celery. The settings are those of their manuals."""

import re
import signal

import pytest
import requests
from outcome import noted, outcome
from program import Program
from server import free_port, wait_for


def answers(url):
    def ask():
        try:
            return requests.get(url, timeout=10)
        except requests.RequestException:
            return None

    return ask


def session():
    s = requests.Session()
    s.trust_env = False
    return s


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_gunicorn_with_preload(run, server, tmp_path, worker):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    program = run("-m", "gunicorn", "-c", "gunicorn.conf.py", "web_app:application",
                  env={"WEB_PORT": str(port), "WEB_CLASS": worker})
    wait_for(answers(url + "/first"), "gunicorn serves")
    statuses = []
    with session() as s:
        for n in range(60):
            # A worker that has had its share of requests closes its connections.
            statuses.append(s.get(f"{url}/{'fails' if n % 10 == 3 else 'good'}/{n}", headers={"Connection": "close"}).status_code)
    program.kill(signal.SIGTERM)
    program.ends_well(quiet=False)
    assert (statuses.count(200), statuses.count(500)) == (54, 6)
    outcome(server, tmp_path / "witness").check()
    workers = {process for process, _, _ in noted(tmp_path / "witness")}
    assert len(workers) > 4, "the first process, and workers that were replaced"
    # gunicorn's own records, one of them with a mapping of its own kind for its arguments.
    info, error = server.read("info.log"), server.read("error.log")
    assert "INFO:gunicorn.error" in info and re.search(r'INFO:gunicorn.access .*"GET /good/9 HTTP/1.1" 200 4', info)
    assert error.count("\tValueError: /fails/") == 6, error


def test_django_with_an_exception_in_a_view(run, server, tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    program = run("site_app.py", str(port))
    wait_for(answers(url + "/good/0"), "Django's server answers")
    with session() as s:
        for n in range(1, 30):
            assert s.get(f"{url}/good/{n}").text == "good"
        assert s.get(url + "/fails").status_code == 500
        assert s.get(url + "/no-such-page").status_code == 404
    program.kill(signal.SIGINT)
    program.ends_well(quiet=False)
    outcome(server, tmp_path / "witness").check()
    error = server.read("error.log")
    assert re.search(r"ERROR:django\.request \d+ \d+ Internal Server Error: /fails\n\tTraceback ", error), error
    assert "\n\tKeyError: 'b'\n" in error
    assert "WARNING:django.request" in server.read("warning.log")


@pytest.fixture
def queue(tmp_path):
    for name in ("tasks", "control", "processed", "results"):
        (tmp_path / "queue" / name).mkdir(parents=True)
    return {"QUEUE": str(tmp_path / "queue")}


def test_celery_with_prefork(run, server, tmp_path, queue):
    """Its children are replaced after ten tasks each."""
    (tmp_path / "sender").mkdir()
    sender = Program(tmp_path / "sender", server.url, "queue_app.py", "40", env=queue)
    try:
        # A worker would take a file of this broker's also before there is something in it.
        wait_for(lambda: "sent" in sender.stdout, "the tasks are sent", 60)
        worker = run("-m", "celery", "-A", "queue_app", "worker", "--pool", "prefork", "--concurrency", "3", "--without-mingle",
                     "--without-gossip", env=queue)
        sender.ends_well(seconds=120)
    finally:
        sender.clear()
    assert sender.stdout == "sent\n40 tasks, 4 failed\n"
    worker.kill(signal.SIGTERM)
    worker.ends_well(quiet=False)
    outcome(server, tmp_path / "witness").check()
    assert len(list((tmp_path / "witness").iterdir())) > 4, "the first process, and children that were replaced"
    error = server.read("error.log")
    assert len(re.findall(r"ERROR:celery\.app\.trace .* raised unexpected: ValueError\('task \d+'\)\n\tTraceback", error)) == 4, error
