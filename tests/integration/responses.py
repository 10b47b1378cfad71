"""Responses as bytes, and errors as all of this project's are."""

import json
import re


def parse(answer):
    """Status, headers (names in lower case) and body of one response."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in rest:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        whole, rest = b"", body
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            whole, rest = whole + rest[:int(size, 16)], rest[int(size, 16) + 2:]
        body = whole
    return int(first.split()[1]), headers, body


def assert_json_error(answer, *statuses):
    status, headers, body = parse(answer) if isinstance(answer, bytes) else (
        answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content)
    assert status in statuses, answer
    assert headers["content-type"].split(";")[0] == "application/json", answer
    document = json.loads(body)
    assert set(document) == {"status", "error"} and document["status"] is False and document["error"]
    # Its version is nobody's business.
    assert not re.search(r"nginx/\d", headers.get("server", ""))
    return headers
