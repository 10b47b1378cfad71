# Apache Kafka for a cluster on one machine: fetched once from Maven Central, and the files of its three brokers.
# Sourced by start-cluster.sh and the tests; start.sh says why ` ` and not $( ).
# shellcheck shell=bash disable=SC2006,SC2154

kafka_needs=(default-jre-headless=program:java)
kafka_fetch_needs=(maven=program:mvn)

# kafka_fetch FOLDER: leaves Kafka's jars there, if they are not; with RUN WORD..., that is how a command is run. What
# there is of it is whole: it is renamed into place.
kafka_fetch() {
	local folder=$1
	shift
	# mvn would take it as one beside its pom.
	[[ $folder == /* ]] || folder=$PWD/$folder
	kafka_is_there "$folder" && return
	rm -rf -- "$folder" "$folder.new" || return
	# -C: a jar whose checksum is wrong is none.
	"$@" mvn --quiet --batch-mode -Dstyle.color=never --strict-checksums --file "$tree/tools/kafka/pom.xml" dependency:copy-dependencies \
		-DincludeScope=runtime "-DoutputDirectory=$folder.new" &&
		cp -- "$tree/tools/kafka/pom.xml" "$folder.new/" &&
		mv -T -- "$folder.new" "$folder"
}

# Another version has another pom.
kafka_is_there() { cmp -s -- "$tree/tools/kafka/pom.xml" "$1/pom.xml"; }

# kafka_render FOLDER CLUSTER ID ADDRESS:PORT:CONTROLLER_PORT...: the files of the broker with that id, 1 being the first of
# these addresses. CLUSTER is the cluster's name for good, 22 characters of base64. What is stored there stays.
kafka_render() {
	local folder=$1 cluster=$2 id=$3 place voters='' number=0 address port controller
	shift 3
	for place; do
		((++number))
		voters+=${voters:+,}$number@${place%%:*}:${place##*:}
	done
	IFS=: read -r address port controller <<<"${!id}"
	rm -rf -- "$folder/unpacked"
	mkdir -p -- "$folder/data" "$folder/unpacked" || return
	sed -e "s|@ID@|$id|; s|@VOTERS@|$voters|; s|@ADDRESS@|$address|g; s|@PORT@|$port|g; s|@CONTROLLER_PORT@|$controller|" \
		-e "s|@FOLDER@|$folder|" "$tree/tools/kafka/broker.properties.in" >"$folder/broker.properties" || return
	# What Kafka's own `kafka-storage format` would write.
	[[ -e $folder/data/meta.properties ]] ||
		printf 'version=1\ncluster.id=%s\nnode.id=%d\n' "$cluster" "$id" >"$folder/data/meta.properties"
}

# kafka_java JARS MEMORY FOLDER CLASS ARGUMENT...: the words of a command. MEMORY: MiB of heap. FOLDER: for what it unpacks,
# which is left there where it is killed. The options save memory and, where three brokers share two processors, half of
# the time to start.
kafka_java() {
	local jars=$1 memory=$2 temporary=$3
	shift 3
	java=(java "-Xms${memory}m" "-Xmx${memory}m" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError
		-XX:-UsePerfData "-Djava.io.tmpdir=$temporary"
		-Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Djava.awt.headless=true -cp "$jars/*" "$@")
}

# What the three brokers take, of which Java has a part beside its heap.
kafka_memory=1200

# The MiB of memory that may still be taken: of this machine, and of the container that this may be.
kafka_memory_available() {
	local available limit used
	available=`awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo`
	if [[ -r /sys/fs/cgroup/memory.max ]]; then
		limit=`</sys/fs/cgroup/memory.max`
		used=`</sys/fs/cgroup/memory.current`
		[[ $limit =~ ^[0-9]+$ ]] && (((limit - used) / 1048576 < available)) && available=$(((limit - used) / 1048576))
	fi
	printf '%s\n' "$available"
}

# The major version of Java, as `java -version` says it on stderr; 8 calls itself 1.8.
kafka_java_version() { java -version 2>&1 | sed -n 's/.*version "\(1\.\)\{0,1\}\([0-9]*\).*/\2/p'; }
