"""What the tests of refused requests share."""

LOG = "/api/log"
JSON = {"Content-Type": "application/json"}


def files(server):
    """Every file of the log folder with its contents."""
    return {p.name: p.read_bytes() for p in server.folder.iterdir() if p.is_file()}


def assert_error(answer, status, *words):
    """A refusal: this status, JSON of the one shape, and these words in its text."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    body = answer.json()
    assert set(body) == {"status", "error"} and body["status"] is False
    for word in words:
        assert word in body["error"], body["error"]
    return body["error"]
