"""What the log reader of fake_reader.py answers, request by request."""

import bisect
import contextlib
import json
import random
import re
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from fake_entries import LEVELS, BadQuery, Entry, Search

if TYPE_CHECKING:
    from fake_reader import FakeReader

PAGE = Path(__file__).resolve().parents[2] / "page"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)


class Handler(BaseHTTPRequestHandler):
    reader: "FakeReader"
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    # --- answers ---

    def head(self, status: int, kind: str, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("X-Content-Type-Options", "nosniff")
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def json(self, status: int, body: object, **headers: str) -> None:
        data = json.dumps(body).encode() + b"\n"
        self.head(status, "application/json", len(data), **headers)
        self.wfile.write(data)

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def line(self, record: object) -> None:
        # What is not valid as UTF-8 can't come from the server; a lone surrogate is told as such.
        self.chunk(json.dumps(record).encode() + b"\n")

    # --- requests ---

    def do_GET(self) -> None:
        with contextlib.suppress(ConnectionError):
            self.get()

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        path = urlsplit(self.path).path
        self.reader.requests.append(("POST", path, {}))
        if path == "/api/login":
            token = self.headers.get("Authorization") or json.loads(body or b"{}").get("token")
            if token == self.reader.token:
                session = f"s{random.random()}"
                self.reader.sessions.add(session)
                self.json(200, {"status": True}, Set_Cookie=f"pbu_session={session}; HttpOnly; SameSite=Strict; Path=/")
            else:
                self.json(401, {"status": False, "error": "this token is not valid"})
        elif path == "/api/logout":
            self.reader.sessions.clear()
            self.json(200, {"status": True}, Set_Cookie="pbu_session=; Max-Age=0; Path=/")
        elif path == "/api/log":
            record = json.loads(body)
            self.reader.add(record.get("msg", ""), record.get("levelname", "INFO"), record.get("name", "root"))
            self.json(200, {"status": True})
        else:
            self.json(404, {"status": False, "error": "no such resource"})

    def get(self) -> None:
        if self.reader.closing:
            self.close_connection = True
            return
        parts = urlsplit(self.path)
        path = parts.path
        if path == "/" or path.startswith("/page/"):
            self.static("index.html" if path == "/" else path[6:])
            return
        p = {k: ",".join(v) for k, v in parse_qs(parts.query).items()}
        self.reader.requests.append(("GET", path, p))
        if path in self.reader.faults.status:
            status, words = self.reader.faults.status[path]
            self.json(status, {"status": False, "error": words})
            return
        if self.reader.token is not None:
            cookie = re.search(r"pbu_session=([^;]+)", self.headers.get("Cookie") or "")
            if not (cookie and cookie[1] in self.reader.sessions):
                self.json(401, {"status": False, "error": "a valid token is needed: log in, or send it as \"Authorization: <token>\""})
                return
        if self.reader.missing and path.startswith("/api/log/") and p.get("partial") != "1":
            server, why = next(iter(self.reader.missing.items()))
            self.json(502, {"status": False, "error": f"{server}: {why}"})
            return
        try:
            self.resource(path, p)
        except BadQuery as e:
            self.json(400, {"status": False, "error": str(e), "at": e.at})
        except (ValueError, KeyError) as e:
            self.json(400, {"status": False, "error": f"{e}"})

    def static(self, name: str) -> None:
        file = PAGE / name
        if "/" in name or not file.is_file():
            self.json(404, {"status": False, "error": "no such resource"})
            return
        data = file.read_bytes()
        self.head(200, TYPES[file.suffix], len(data), Content_Security_Policy=POLICY, Referrer_Policy="no-referrer",
                  Cache_Control="no-cache")
        self.wfile.write(data)

    def resource(self, path: str, p: dict[str, str]) -> None:
        if path == "/api/login-check":
            self.json(200, {"logLevels": list(LEVELS)})
        elif path == "/api/log/query":
            self.query(p)
        elif path == "/api/log/context":
            self.context(p)
        elif path == "/api/log/hits":
            self.hits(p)
        elif path == "/api/log/tail":
            self.tail(p)
        elif path == "/api/log/raw":
            found = self.selected(p)
            self.head(200, "text/plain; charset=utf-8", Content_Disposition='attachment; filename="log.txt"')
            for e in found:
                self.chunk(e.text.encode(errors="replace") + b"\n")
            self.chunk(b"")
        elif path == "/api/log/files":
            self.json(200, {"files": []})
        else:
            self.json(404, {"status": False, "error": "no such resource"})

    # --- what they are about ---

    @staticmethod
    def time(text: str) -> int:
        if text.startswith("-"):
            return int((time.time() - int(text[1:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]]) * 1000)
        return round(datetime.fromisoformat(text).timestamp() * 1000)

    def selected(self, p: dict[str, str]) -> list[Entry]:
        """Oldest first."""
        search = Search(p.get("q", ""))
        levels = p["level"].split(",") if p.get("level") else LEVELS
        start = self.time(p["start"]) if "start" in p else -(10**15)
        end = self.time(p["end"]) if "end" in p else 10**15
        with self.reader.changed:
            entries = list(self.reader.entries)
            missing = self.reader.missing
        # The same is asked for page after page.
        key = (p.get("q"), *levels, start, end, len(entries), *missing)
        if self.reader.last_selected[0] != key:
            self.reader.last_selected = (key, [
                e for e in entries if e.level in levels and start <= e.ms < end and e.server not in missing and search(e)])
        return list(self.reader.last_selected[1])

    def told(self, e: Entry, p: dict[str, str]) -> dict[str, object]:
        zone = ZoneInfo(p.get("timezone") or "UTC")
        stamp = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=e.ms)).astimezone(zone)
        return {"ts": stamp.isoformat(timespec="milliseconds"), "level": e.shown_level or e.level, "logger": e.logger,
                "message": e.message, "text": e.text, "cursor": e.cursor, **({"server": e.server} if e.server else {})}

    def place(self, cursor: str) -> int:
        m = re.fullmatch(r"(?:[diwe]1\.0\.|p)([0-9a-f]+)(?:~[0-9a-f]{8})?", cursor)
        if not m:
            raise ValueError("cursor: none that this server ever gave")
        return int(m[1], 16)

    def query(self, p: dict[str, str]) -> None:
        faults = self.reader.faults
        backward = p.get("direction", "backward") == "backward"
        limit = int(p.get("limit", 100))
        found = self.selected(p)
        if backward:
            found.reverse()
        if "cursor" in p:
            at = self.place(p["cursor"])
            if backward:
                found = found[bisect.bisect_left(found, 1 - at, key=lambda e: -e.number):]
            else:
                found = found[bisect.bisect_left(found, at, key=lambda e: e.number):]
        size = self.reader.size
        self.head(200, "application/x-ndjson")
        end: dict[str, object] = {"end": True, "complete": True, "why": None, "scanned": size, "of": size, "ms": 3, "next": None}
        sent = 0
        lines = []
        for e in found:
            if sent == limit or sent == faults.deadline_after:
                place = e.number + 1 if backward else e.number
                end |= {"complete": False, "why": "limit" if sent == limit else "deadline", "next": f"p{place:x}", "scanned": size // 3}
                break
            if faults.slow:
                self.line({"progress": True, "scanned": size * sent // (limit or 1), "of": size})
                time.sleep(faults.slow)
            lines.append(json.dumps(self.told(e, p)).encode() + b"\n")
            sent += 1
            if faults.slow or len(lines) > 100:
                self.chunk(b"".join(lines))
                lines.clear()
            if sent == faults.cut_after:
                if lines:
                    self.chunk(b"".join(lines))
                self.close_connection = True
                return
        if faults.failed:
            end |= {"complete": False, "why": f"failed: {faults.failed}", "next": f"p{max(0, len(self.reader.entries) - sent):x}"}
        end |= {"matched": sent}
        lines.append(json.dumps(self.reader.missing_told() | end if end["why"] else end | self.reader.missing_told()).encode() + b"\n")
        self.chunk(b"".join(lines))
        self.chunk(b"")

    def context(self, p: dict[str, str]) -> None:
        at = self.place(p["cursor"])
        with self.reader.changed:
            entries = list(self.reader.entries)
            missing = self.reader.missing
        if at >= len(entries):
            self.json(410, {"status": False, "error": "the file of this entry is gone"})
            return
        before, after = int(p.get("before", 10)), int(p.get("after", 10))
        self.head(200, "application/x-ndjson")
        here = entries[at]
        entries = [e for e in entries if e.server not in missing or e is here]
        at = entries.index(here)
        shown = entries[max(0, at - before):at + after + 1]
        for e in shown:
            self.line(self.told(e, p) | ({"here": True} if e is here else {}))
        self.line({"end": True, "complete": True, "why": None, "scanned": 1, "of": 1, "matched": len(shown), "ms": 1, "next": None}
                  | self.reader.missing_told())
        self.chunk(b"")

    def hits(self, p: dict[str, str]) -> None:
        found = self.selected(p)
        buckets = int(p.get("buckets", 60))
        times = [e.ms for e in found] or [0]
        start = self.time(p["start"]) if "start" in p else min(times)
        end = self.time(p["end"]) if "end" in p else max(max(times) + 1, int(time.time() * 1000) if "start" in p else 0)
        width = max(1, -(-(end - start) // buckets))
        n = min(buckets, -(-(end - start) // width))
        levels = p["level"].split(",") if p.get("level") else LEVELS
        counts = {level: [0] * n for level in levels}
        size = self.reader.size or 1
        zone = ZoneInfo(p.get("timezone") or "UTC")
        line = {"start": datetime.fromtimestamp(start / 1000, zone).isoformat(timespec="milliseconds"), "width": width,
                "counts": counts, "scanned": 0, "of": size}
        self.head(200, "application/x-ndjson")
        for i, e in enumerate(reversed(found)):
            if 0 <= (e.ms - start) // width < n:
                counts[e.level][(e.ms - start) // width] += 1
            if self.reader.faults.slow and i % 20 == 0:
                self.line(line | {"scanned": size * i // len(found)})
                time.sleep(self.reader.faults.slow)
        self.line(line | {"end": True, "complete": True, "why": None, "scanned": size, "ms": 5} | self.reader.missing_told())
        self.chunk(b"")

    def tail(self, p: dict[str, str]) -> None:
        reader = self.reader
        if reader.faults.refuse_tail:
            self.close_connection = True
            return
        cursor = self.headers.get("Last-Event-ID") or p.get("cursor")
        search = Search(p.get("q", ""))
        levels = p["level"].split(",") if p.get("level") else LEVELS
        with reader.changed:
            at = self.place(cursor) if cursor else len(reader.entries)
            generation = reader.generation
        self.head(200, "text/event-stream")
        self.chunk(b":\n\n" if reader.faults.no_tail_id else b"id: p%x\n\n" % at)
        late: list[Entry] = []  # of a server that is missing
        # Where there are several, it is told at the beginning, too.
        missing: dict[str, str] | None = None if any(e.server for e in reader.entries) else {}
        while True:
            with reader.changed:
                while at == len(reader.entries) and not reader.closing and generation == reader.generation and missing == reader.missing:
                    reader.changed.wait(5)
                if reader.closing or generation != reader.generation:
                    self.close_connection = True
                    return
                fresh = reader.entries[at:at + 500]
                at += len(fresh)
                events = []
                if missing != reader.missing:
                    missing = reader.missing
                    events.append(f"event: missing\ndata: {json.dumps({'missing': reader.missing_told().get('missing', [])})}\n\n")
            fresh = late + fresh
            late = [e for e in fresh if e.server in (missing or {})]
            events += [
                f"id: p{e.number + 1:x}\ndata: {json.dumps(self.told(e, p))}\n\n"
                for e in fresh if e.server not in (missing or {}) and e.level in levels and search(e)
            ]
            if events:
                self.chunk("".join(events).encode())
