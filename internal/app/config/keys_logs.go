package config

import (
	"math"
)

const (
	areaLogs  = "Logs"
	logFolder = "/var/log/posthoorn"
)

// The default lines (logging.md section 2).
const (
	sendFormat     = "[{$date}] {$result.state}:{$result.result} {$attempt} <{if $email.envelope}{$email.envelope}{/if}> <{$email.recipient}> [{$result.from}] [{$result.to}] {$email.tags} {$result.code} {$result.status} {$result.description}"
	receivedFormat = "[{$date}]{if $json.message_id} {$json.message_id} {/if}<{$json.envelope}> <{$json.recipient}> [{$json.connection.remote_ip}] [{$json.connection.local_ip}]"
	downloadFormat = "{$date}, {$time}, {$url}"
	wwwFormat      = "{$date}, {$ip}, {$request}"
)

// logKeys are the keys of config.md section 3.5.
func logKeys() []Key {
	keys := []Key{
		{Name: "error-log", Area: areaLogs, Type: pathType, Default: logFolder + "/errors.log", Absent: "the two keys below, else " + logFolder + "/errors.log", Since: "4.0", Help: "Abnormal events. Empty: off."},
		{Name: "error-log-directory", Area: areaLogs, Type: pathType, Absent: logFolder, Since: "4.4", Help: "Another way to name the error log; `error-log` counts more."},
		{Name: "error-log-prefix", Area: areaLogs, Type: pathType, Absent: "errors.log", Since: "4.4", Help: "Name of the error log in that directory."},
		{Name: "application-log", Area: areaLogs, Type: outputsType, Since: "5.4", Help: "Where the program writes what happens to itself. Empty: off."},
	}
	keys = append(keys, kindKeys("send", "4.0", "attempts.log", "100", sendFormat)...)
	keys = append(keys, kindKeys("received", "4.0", "received-messages", "100", receivedFormat)...)
	keys = append(keys, kindKeys("download", "4.0", "downloads", "100", downloadFormat)...)
	keys = append(keys, kindKeys("www", "5.2", "www.log", "10", wwwFormat)...)
	return append(keys, rotationKeys("send-bin", "5.2", "send.bin", "20", "3600")...)
}

// kindKeys are the keys of one kind of log. Its file keys have no default, so that directory and prefix count.
func kindKeys(kind, since, prefix, history, format string) []Key {
	text := func(suffix, def, since, help string) Key {
		return Key{Name: kind + suffix, Area: areaLogs, Type: textType, Default: def, Since: since, Help: help}
	}
	file := func(suffix, absent, help string) Key {
		return Key{Name: kind + suffix, Area: areaLogs, Type: pathType, Absent: absent, Since: "5.6", Help: help}
	}
	keys := rotationKeys(kind, since, prefix, history, "")
	compression := Key{Name: kind + "-log-compression", Area: areaLogs, Type: wordType("", "gzip"), Default: "gzip", Since: since, Help: "Compression of old files."}
	bin := "off"
	if kind == "send" {
		bin = "directory and prefix count"
	}
	return append(keys, compression,
		text("-log-format", format, "5.2", "Template of a line."),
		file("-log-file", "directory and prefix count", "The file, rotated by another program. Empty: this log is off."),
		file("-bin-log-file", bin, "The same events as JSON lines, for programs. Empty: off."))
}

// rotationKeys are the keys of a log that the program rotates itself (logging.md section 3).
func rotationKeys(kind, since, prefix, history, age string) []Key {
	name := func(suffix string) string { return kind + "-log-" + suffix }
	return []Key{
		{Name: name("directory"), Area: areaLogs, Type: pathType, Default: logFolder, Since: since, Help: "Directory of the log. Empty: off."},
		{Name: name("prefix"), Area: areaLogs, Type: pathType, Default: prefix, Since: since, Help: "Name of the current file; old ones get a number behind it. Empty: off."},
		{Name: name("maxsize"), Area: areaLogs, Type: logSizeType, Default: "100MB", Since: since, Help: "A new file is begun at this size."},
		{Name: name("maxage"), Area: areaLogs, Type: positive(secondsType), Default: age, Since: since, Empty: true, Help: "A new file is begun at this age. Empty: by size only."},
		{Name: name("history"), Area: areaLogs, Type: intType(0, math.MaxInt32), Default: history, Since: since, Help: "So many old files are kept."},
	}
}
