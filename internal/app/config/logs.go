package config

import (
	"cmp"
	"path/filepath"
	"time"
)

// Logs is config.md section 3.5.
type Logs struct {
	Error       string   // file of the error log; empty: off
	Application []string // stdout, stderr, syslog and files; none: off

	Send, Received, Download, WWW             Log
	SendBin, ReceivedBin, DownloadBin, WWWBin Log // JSON lines
}

// Log is one kind of log.
type Log struct {
	File   string // the file; empty: this kind is off
	Rotate bool   // the program rotates it itself; otherwise it is opened again when somebody renames or removes it
	Format string // template of a line; empty for the binary logs

	// These count with Rotate alone.
	MaxSize int64         // bytes
	MaxAge  time.Duration // 0: by size only
	History int           // old files to keep
	Gzip    bool          // compress old files
}

func (b *builder) buildLogs() {
	l := &b.cfg.Logs
	l.Error = b.errorLog()
	l.Application = get[[]string](b, "application-log")
	l.Send, l.Received = b.kindLog("send"), b.kindLog("received")
	l.Download, l.WWW = b.kindLog("download"), b.kindLog("www")
	l.SendBin = b.rotatedLog("send-bin", "send-bin-log-file")
	l.ReceivedBin = Log{File: b.text("received-bin-log-file")}
	l.DownloadBin = Log{File: b.text("download-bin-log-file")}
	l.WWWBin = Log{File: b.text("www-bin-log-file")}
}

// errorLog takes directory and prefix only where error-log itself is not set.
func (b *builder) errorLog() string {
	dir, prefix := b.text("error-log-directory"), b.text("error-log-prefix")
	other := b.isSet("error-log-directory") || b.isSet("error-log-prefix")
	if b.isSet("error-log") || !other {
		return b.text("error-log")
	}
	if b.isSet("error-log-directory") && dir == "" || b.isSet("error-log-prefix") && prefix == "" {
		return ""
	}
	return filepath.Join(cmp.Or(dir, logFolder), cmp.Or(prefix, "errors.log"))
}

func (b *builder) kindLog(kind string) Log {
	l := b.rotatedLog(kind, kind+"-log-file")
	l.Gzip = b.text(kind+"-log-compression") == "gzip"
	l.Format = b.text(kind + "-log-format")
	b.checkTemplate(kind+"-log-format", l.Format)
	return l
}

// rotatedLog follows logging.md section 3: a file key wins over directory and prefix, and each of them turns the kind
// off when it is set to nothing.
func (b *builder) rotatedLog(kind, fileKey string) Log {
	l := Log{
		MaxSize: get[int64](b, kind+"-log-maxsize"),
		MaxAge:  get[time.Duration](b, kind+"-log-maxage"),
		History: get[int](b, kind+"-log-history"),
	}
	dir, prefix := b.text(kind+"-log-directory"), b.text(kind+"-log-prefix")
	switch {
	case b.isSet(fileKey):
		l.File = b.text(fileKey)
	case dir != "" && prefix != "":
		l.File, l.Rotate = filepath.Join(dir, prefix), true
	}
	return l
}

func (b *builder) checkTemplate(key, format string) {
	if b.src.CheckTemplate == nil || format == "" {
		return
	}
	if err := b.src.CheckTemplate(format); err != nil {
		b.wrong(key, "is no template: "+err.Error(), "text with {$variables}")
	}
}
