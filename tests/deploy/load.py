"""Clients that never stop: python load.py URL CA TOKEN CLIENTS

Posts numbered records until its standard input ends; half of the clients keep their connections, the
others open one for each record. Prints one JSON object: "sent", the records that each client sent, and
"wrong", every answer but 200.
"""

import http.client
import json
import ssl
import sys
import threading
from urllib.parse import urlsplit

url, ca, token, clients = urlsplit(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
context = ssl.create_default_context(cafile=ca)
headers = {"Content-Type": "application/json", "Authorization": token}
stop = threading.Event()
sent, wrong = [0] * clients, []


def connect():
    return http.client.HTTPSConnection(url.hostname, url.port or 443, timeout=60, context=context)


def work(number):
    connection = None
    while not stop.is_set():
        text = f"client {number} record {sent[number]}"
        try:
            connection = connection or connect()
            connection.request("POST", url.path, json.dumps({"msg": text, "levelname": "INFO"}), headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                wrong.append([text, answer.status, said.decode()])
        except (OSError, http.client.HTTPException) as e:
            wrong.append([text, repr(e)])
            connection = None
        # nginx gives a connection up after so many requests, and says so before.
        if number % 2 or (connection and answer.will_close):
            if connection:
                connection.close()
            connection = None
        sent[number] += 1


threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
for thread in threads:
    thread.start()
sys.stdin.read()
stop.set()
for thread in threads:
    thread.join()
print(json.dumps({"sent": sent, "wrong": wrong}))
