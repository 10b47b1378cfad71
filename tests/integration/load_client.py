"""One client process of the load tests: python load_client.py PORT NAME SECONDS

Posts records one after another, on a kept connection, for so many seconds. Prints a line for each
that was answered 200: "NAME N t0 t1", the times in seconds around the request. A request that
failed in any way is tried again, as a client that must not lose a record does.
"""

import http.client
import json
import sys
import time


def main():
    port, name, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    end = time.time() + seconds
    connection, number = None, 0
    while time.time() < end:
        body = json.dumps({"msg": f"{name} {number}", "name": "load", "levelno": 20, "levelname": "INFO"})
        t0 = time.time()
        try:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("POST", "/api/log", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            connection, status = None, 0
        if status == 200:
            print(name, number, t0, time.time())
            number += 1


main()
