package config

import (
	"math"

	"posthoorn/internal/store"
)

const (
	areaRabbit   = "Queues and RabbitMQ"
	areaCluster  = "Cluster"
	areaDatabase = "Database"
	areaStorage  = "Message store"
)

// rabbitKeys are the keys of config.md section 3.1 that speak of queues.
func rabbitKeys() []Key {
	queue := func(name, def, absent, help string) Key {
		return Key{Name: name, Area: areaRabbit, Type: nameType, Default: def, Absent: absent, Since: "4.0", Help: help}
	}
	count := func(name, def, since string, low, high int, help string) Key {
		return Key{Name: name, Area: areaRabbit, Type: intType(low, high), Default: def, Since: since, Help: help}
	}
	yes := func(name, def, since, help string) Key {
		return Key{Name: name, Area: areaRabbit, Type: boolType, Default: def, Since: since, Help: help}
	}
	return []Key{
		{Name: "rabbitmq-address", Area: areaRabbit, Type: brokerType, Absent: "the embedded queue; amqp://guest:guest@localhost/ when the default file in use is /etc/mailerq/config.txt", Since: "4.0", Help: "Broker, several nodes of one cluster, or `local:///path`. Empty: the embedded queue."},
		yes("rabbitmq-verify", "true", "5.1", "Check the broker's certificate; for `amqps://` only."),
		queue("rabbitmq-exchange", "", "", "Exchange for everything that is published; declared at the start. Empty: the default exchange of AMQP."),
		yes("rabbitmq-declare", "true", "5.1", "Declare exchange and queues at the start; false leaves that to the operator."),
		queue("rabbitmq-outbox", "outbox", "", "The queue that is consumed: mail to deliver. It must have a name."),
		queue("rabbitmq-inbox", "", "value of `rabbitmq-outbox`", "Incoming messages. Empty: the outbox."),
		queue("rabbitmq-local", "", "", "Messages for local addresses. Empty: they go to the inbox."),
		queue("rabbitmq-reports", "", "", "Local messages that are reports. Empty: reports are not recognised."),
		queue("rabbitmq-refused", "", "", "Refused messages. Empty: not collected."),
		queue("rabbitmq-dsn", "", "", "Delivery status notifications. Empty: none are made."),
		queue("rabbitmq-results", "", "", "Every final result."),
		queue("rabbitmq-success", "", "", "Final successes."),
		queue("rabbitmq-failure", "", "", "Final failures."),
		queue("rabbitmq-retry", "", "", "A copy of every message that is tried again later."),
		yes("rabbitmq-durable", "true", "4.0", "Durable queues and exchange."),
		yes("rabbitmq-persistent", "true", "4.0", "Publish messages persistently. False: mail in queues does not survive a restart of the broker."),
		{Name: "rabbitmq-queue-type", Area: areaRabbit, Type: wordType("", "quorum"), Since: "ours", Help: "`quorum`: the outbox is a quorum queue, replicated and faster. Empty: classic."},
		yes("rabbitmq-lazy", "false", "5.4", "Declare lazy queues."),
		count("rabbitmq-maxpriority", "0", "5.1", 0, 255, "`x-max-priority` of declared queues; 0 is off."),
		{Name: "rabbitmq-encoding", Area: areaRabbit, Type: wordType("", "gzip"), Since: "4.2", Help: "Compress what is published."},
		count("rabbitmq-consumers", "1", "4.0", 1, 1000, "Connections that consume."),
		count("rabbitmq-publishers", "1", "4.0", 1, 1000, "Connections that publish."),
		count("rabbitmq-qos", "1000", "5.4", 1, 65535, "Messages that a consumer may hold unacknowledged."),
		count("rabbitmq-minqos", "100", "5.9", 1, 65535, "The lowest such number when the program holds itself back."),
		count("rabbitmq-flush-qos", "1000", "5.4", 1, 65535, "Accepted, no effect: there are no temporary queues to flush."),
		count("rabbitmq-throttle", "100", "5.11", 1, math.MaxInt32, "Messages published and not yet confirmed on a connection, at most."),
	}
}

// stateKeys are those of the state directory and the embedded queue.
func stateKeys() []Key {
	const area = "State directory and embedded queue"
	return []Key{
		{Name: "state-directory", Area: area, Type: pathType, Default: defaultState, Absent: "path of `local:///path`, else " + defaultState, Since: "ours", Help: "Holds all mail that waits, the embedded queues, the settings, the lock and the sockets. One instance each; it must survive a restart."},
		{Name: "local-results-age", Area: area, Type: positive(secondsType), Default: "7d", Since: "ours", Help: "Embedded queue: results that nobody reads are dropped after this time."},
		{Name: "local-results-size", Area: area, Type: sizeType, Default: "1GB", Since: "ours", Help: "Embedded queue: size of all unread results; the oldest are dropped first."},
		{Name: "local-min-free", Area: area, Type: minFreeType, Default: "5%", Since: "ours", Help: "Space that must stay free on the volumes of state directory, message store and logs; a percentage counts at most 5GB. Below it no new mail is taken, while delivery goes on."},
	}
}

func clusterKeys() []Key {
	return []Key{
		{Name: "cluster-address", Area: areaCluster, Type: clusterType, Absent: "value of `rabbitmq-address`; on the embedded queue no cluster", Since: "4.0", Help: "Broker that carries the cluster traffic. Empty: no cluster."},
		{Name: "cluster-exchange", Area: areaCluster, Type: nameType, Default: "cluster", Since: "4.0", Help: "Exchange for the cluster traffic."},
		{Name: "cluster-verify", Area: areaCluster, Type: boolType, Default: "true", Since: "5.1", Help: "Check the broker's certificate; for `amqps://` only."},
		{Name: "cluster-timeout", Area: areaCluster, Type: positive(secondsType), Default: "1", Since: "5.1", Help: "How long `--list-cluster` waits for answers."},
	}
}

func databaseKeys() []Key {
	return []Key{
		{Name: "database-address", Area: areaDatabase, Type: databaseType(), Absent: "SQLite file settings.db in the state directory", Since: "5.0", Aliases: []string{"database"}, Help: "Database of the runtime settings. An SQLite file is created; a database on a server must exist. Empty: none, only built-in limits."},
		{Name: "database-ttl", Area: areaDatabase, Type: positive(secondsType), Default: "600", Since: "4.2", Help: "The settings are read again after this time."},
		{Name: "database-validate", Area: areaDatabase, Type: boolType, Default: "true", Since: "5.0", Help: "Make missing tables and columns at the start; nothing is ever dropped."},
		{Name: "database-threads", Area: areaDatabase, Type: intType(1, 1000), Default: "1", Since: "5.0", Help: "Parallel DNS lookups for the check of DKIM keys at a reload."},
	}
}

func storageType() Type {
	allowed := "mongodb://host/database/collection, sqlite:///path, mysql://…, postgresql://…, dir:///path or s3://key:secret@region/bucket"
	return Type{Name: "address", Allowed: allowed, mask: maskAddress, empty: true, parse: func(raw string) (any, error) {
		if raw == "" {
			return StoreAddress{}, nil
		}
		_, err := store.ParseAddress(raw)
		return StoreAddress{Secret(raw)}, err
	}}
}

func storageKeys() []Key {
	return []Key{
		{Name: "storage-address", Area: areaStorage, Type: storageType(), Since: "4.0", Help: "Engine and place of the message store. Empty: no store."},
		{Name: "storage-threads", Area: areaStorage, Type: intType(1, 1000), Default: "1", Since: "4.0", Help: "Workers, with one connection each."},
		{Name: "storage-policy", Area: areaStorage, Type: wordType("all", "out", "in", "none"), Default: "all", Since: "4.0", Help: "Which messages are moved to the store."},
		{Name: "storage-ttl", Area: areaStorage, Type: secondsType, Default: "3600", Since: "4.0", Help: "Kept so long beyond the deadline of the message."},
		{Name: "storage-timeout", Area: areaStorage, Type: positive(secondsType), Default: "20", Since: "5.0", Help: "Limit for a fetch."},
		{Name: "storage-reschedule", Area: areaStorage, Type: secondsType, Default: "120", Since: "5.0", Help: "Delay of a message whose fetch timed out."},
	}
}
