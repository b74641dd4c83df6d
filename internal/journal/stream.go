package journal

import (
	"log/syslog"
	"os"
	"strings"
)

// stream is standard output or error, which nobody opens or closes.
type stream struct{ f *os.File }

func (s stream) write(lines []byte) (int, error) { return wholeLines(s.f, lines) }
func (s stream) tick() error                     { return nil }
func (s stream) reopen() error                   { return nil }
func (s stream) close()                          {}

// syslogOutput sends every line as a message of its own, of the facility mail.
type syslogOutput struct{ w *syslog.Writer }

// openSyslog connects to the syslog of this machine if network is empty.
func openSyslog(network, address string) (*syslogOutput, error) {
	w, err := syslog.Dial(network, address, syslog.LOG_MAIL|syslog.LOG_INFO, "posthoorn")
	if err != nil {
		return nil, err
	}
	return &syslogOutput{w}, nil
}

func (s *syslogOutput) write(lines []byte) (int, error) {
	n := 0
	for line := range strings.Lines(string(lines)) {
		if err := s.send(strings.TrimSuffix(line, "\n")); err != nil {
			return n, err
		}
		n += len(line)
	}
	return n, nil
}

// send takes the priority from the column that every line begins with.
func (s *syslogOutput) send(line string) error {
	switch {
	case strings.HasPrefix(line, critical):
		return s.w.Crit(line)
	case strings.HasPrefix(line, warning):
		return s.w.Warning(line)
	}
	return s.w.Info(line)
}

func (s *syslogOutput) tick() error   { return nil }
func (s *syslogOutput) reopen() error { return nil } // it connects again by itself
func (s *syslogOutput) close()        { s.w.Close() }
