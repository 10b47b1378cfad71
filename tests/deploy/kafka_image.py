"""The image of Apache Kafka that compose.cluster.yaml names; where an engine has none, one like it.

It is made of the tests' base image and of Kafka as the cluster's tests fetch it, with the same folders, user and
entry. What reads compose.cluster.yaml's variables in it is Kafka's own, of the real image: KafkaDockerWrapper.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import base_image
from engine import Engine
from server import TREE

KAFKA = TREE / os.environ.get("BUILD_DIR", "build") / "kafka"
RUN = """\
#!/bin/sh
set -eu
java -cp '/opt/kafka/libs/*' kafka.docker.KafkaDockerWrapper setup --default-configs-dir /etc/kafka/docker \\
	--mounted-configs-dir /mnt/shared/config --final-configs-dir /opt/kafka/config >/tmp/setup 2>&1 ||
	grep -qi 'already formatted' /tmp/setup || { cat /tmp/setup; exit 1; }
exec java $KAFKA_HEAP_OPTS -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \\
	-cp '/opt/kafka/libs/*' kafka.Kafka /opt/kafka/config/server.properties
"""
TOPICS = """\
#!/bin/sh
exec java $KAFKA_HEAP_OPTS -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '/opt/kafka/libs/*' \\
	org.apache.kafka.tools.TopicCommand "$@"
"""
DOCKERFILE = f"""\
FROM {base_image.NAME}
RUN apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends \\
	default-jre-headless >/dev/null && rm -rf /var/lib/apt/lists/*
RUN useradd -u 1000 -m appuser && install -d -o appuser /opt/kafka/config /mnt/shared/config \\
	&& install -d -o appuser -g root -m 0775 /etc/kafka/secrets /var/lib/kafka/data
COPY libs /opt/kafka/libs/
COPY kafka-topics.sh /opt/kafka/bin/
COPY run server.properties log4j.properties tools-log4j.properties /etc/kafka/docker/
USER appuser
VOLUME ["/etc/kafka/secrets", "/var/lib/kafka/data", "/mnt/shared/config"]
CMD ["/etc/kafka/docker/run"]
"""


def name() -> str:
    named = set(re.findall(r"^    image: (\S+)$", (TREE / "compose.cluster.yaml").read_text(), re.M))
    assert len(named) == 1, named
    return named.pop()


def make(engine: Engine, folder: Path) -> bool:
    """Whether one was made; it is to be removed where the engine is somebody else's."""
    if engine.run("docker", "image", "inspect", name(), check=False)[0] == 0:
        return False
    fetched = subprocess.run(["bash", "-c", 'tree=$0; . "$tree/tools/kafka.sh"; kafka_fetch "$1"', str(TREE), str(KAFKA)],
                             capture_output=True, text=True, check=False)
    assert fetched.returncode == 0, fetched.stdout + fetched.stderr
    shutil.copytree(KAFKA, folder / "libs")
    files = {"run": RUN, "kafka-topics.sh": TOPICS, "Dockerfile": DOCKERFILE,
             "server.properties": "", "log4j.properties": "", "tools-log4j.properties": ""}
    for file, text in files.items():
        (folder / file).write_text(text)
        (folder / file).chmod(0o755)
    engine.run("docker", "build", "-q", "-t", name(), folder)
    return True
