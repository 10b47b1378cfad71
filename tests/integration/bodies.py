"""Types, sizes and packing of bodies, for the tests of what a body may be."""

import gzip

ARRAY, LINES, JSONL = "application/json", "application/x-ndjson", "application/jsonl"
KIB, MIB = 1 << 10, 1 << 20


def headers(content_type, encoding=None, **more):
    return {"Content-Type": content_type, **({"Content-Encoding": encoding} if encoding else {}), **more}


def pack(data, level=6):
    return gzip.compress(data, level, mtime=0)
