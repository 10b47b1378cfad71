"""The bound on the memory of all requests together (MAX_MEMORY_BYTES): beyond it a large request is refused, in words, and
nobody is hung up or held up."""

import pytest
from fcgi_peer import Responder, body, request
from server import wait_for

BODY = 4 << 20
# Large requests that may be under way. A slow machine must get through them in the ten seconds that each has to come in.
PLACES = 24
MEMORY = 32 * BODY  # 128 MiB, the least there may be


@pytest.fixture
def responder(tmp_path):
    r = Responder(tmp_path, THREADS=PLACES, MAX_BODY_BYTES=BODY, MAX_MEMORY_BYTES=MEMORY)
    yield r
    r.stop()


def large(text):
    return request(body(text + " " * (BODY - len(body(text)))))


def test_what_is_beyond_it_is_refused_and_told_to_come_again(responder):
    crowd = [responder.connect() for _ in range(PLACES)]
    rests = []
    for n, c in enumerate(crowd):
        data = large(f"large {n}")
        c.send(data[:-1000])
        rests.append(data[-1000:])
    # All of it was received, also of those that there is no memory for; and small ones are not held up.
    for n in range(50):
        responder.good(f"small {n}")
    answers = []
    for c, rest in zip(crowd, rests):
        c.send(rest)
        answers.append(c.answer())
    assert None not in answers, "hung up"
    statuses = [int(a.split()[1]) for a in answers]
    assert set(statuses) == {200, 503}
    print(f"{statuses.count(200)} of {PLACES} large requests at a time were taken")
    for answer in answers:
        if b"Status: 503" in answer:
            assert b"Retry-After: 1\r\n" in answer
            assert answer.endswith(b'{"status": false, "error": "the server is busy; send it again"}')
    # Sent again, on the same connections, each is taken, and each is there once.
    for n, (c, status) in enumerate(zip(crowd, statuses)):
        if status == 503:
            c.send(large(f"large {n}"))
            assert c.status() == 200
    lines = [x.rstrip() for x in responder.lines()]
    assert sorted(lines) == sorted([f"large {n}" for n in range(PLACES)] + [f"small {n}" for n in range(50)])


def test_memory_of_peers_that_go_away_is_given_back(responder):
    """Otherwise it would be less with each, until nothing large is taken any more."""
    for _ in range(4):
        crowd = [responder.connect() for _ in range(PLACES)]
        for c in crowd:
            c.send(large("gone")[:-1000])
        for c in crowd:
            c.socket.close()
    with responder.connect() as c:
        def taken():
            c.send(large("taken"))
            return c.status() == 200

        wait_for(taken, "the memory of the last ones is given back")
    assert [x.rstrip() for x in responder.lines()] == ["taken"]
