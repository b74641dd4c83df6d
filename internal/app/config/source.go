package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Source is everything that Load reads besides the command line. The zero value reads the real files and no environment.
type Source struct {
	// ReadFile returns the content of a configuration file; nil reads from disk, bounded.
	ReadFile func(path string) ([]byte, error)
	// Environ is the environment as os.Environ gives it.
	Environ []string
	// Hostname is the name of this machine, for defaults that contain it.
	Hostname string
	// Default and Compat are the default files, the first one found is read. Empty: /etc/posthoorn/config.txt and
	// /etc/mailerq/config.txt.
	Default, Compat string
	// CheckTemplate says whether the text of a *-log-format key is a template; nil takes every text.
	CheckTemplate func(text string) error
}

func (s Source) withDefaults() Source {
	if s.ReadFile == nil {
		s.ReadFile = readFile
	}
	if s.Default == "" {
		s.Default = "/etc/posthoorn/config.txt"
	}
	if s.Compat == "" {
		s.Compat = "/etc/mailerq/config.txt"
	}
	if s.Hostname == "" {
		s.Hostname = "localhost"
	}
	return s
}

// readFile reads one byte more than is allowed at most, so that parseFile can tell.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// readLayers fills b.set: the setting that wins, by canonical name.
func (b *builder) readLayers() {
	b.readDefaultFile()
	if path := b.cmd.ConfigFile; path != "" {
		data, err := b.src.ReadFile(path)
		if err != nil {
			b.problem(Problem{Where: Where{Layer: CommandLine, Name: "--config-file"}, Reason: reasonOf(err, path)})
		} else {
			b.addFile(NamedFile, path, data)
		}
	}
	b.addEnvironment("MAILERQ_")
	b.addEnvironment("POSTHOORN_")
	b.addLayer(b.cmd.settings)
}

// readDefaultFile takes the first default file that exists.
func (b *builder) readDefaultFile() {
	for _, path := range []string{b.src.Default, b.src.Compat} {
		data, err := b.src.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		b.compat = path == b.src.Compat
		switch {
		case err == nil:
			b.addFile(DefaultFile, path, data)
		case errors.Is(err, fs.ErrPermission) && b.cmd.toleratesUnreadable():
			b.cfg.Unreadable = path
		default:
			b.problem(Problem{Where: Where{Layer: DefaultFile, Name: path}, Reason: reasonOf(err, path)})
		}
		return
	}
}

// reasonOf names the path once, whatever the file system said.
func reasonOf(err error, path string) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return fmt.Sprintf("cannot read %s: %v", path, err)
}

func (b *builder) addFile(layer Layer, path string, data []byte) {
	b.cfg.Files = append(b.cfg.Files, path)
	settings, wrong, err := parseFile(data)
	if err != nil {
		b.problem(Problem{Where: Where{Layer: layer, Name: path}, Reason: err.Error()})
		return
	}
	for i := range settings {
		settings[i].where.Layer, settings[i].where.Name = layer, path
	}
	for _, w := range wrong {
		b.wrongLine(Where{Layer: layer, Name: path, Line: w.line}, w)
	}
	b.addLayer(settings)
}

// wrongLine: a line that names one of our keys was meant to set it, and starting without it could open a relay or lose
// mail. Anything else is as harmless as an unknown key.
func (b *builder) wrongLine(where Where, w lineError) {
	if _, known := lookup(w.key); known {
		b.problem(Problem{Where: where, Key: w.key, Reason: w.text})
		return
	}
	b.warn(where, "", w.text+"; the line is ignored")
}

// addLayer lets settings win over what is there. In one layer the last of two equal keys counts, and a canonical name
// counts more than its aliases.
func (b *builder) addLayer(settings []setting) {
	canonical := map[string]bool{}
	for _, s := range settings {
		key, ok := lookup(s.key)
		if !ok {
			b.warn(s.where, s.key, unknownKey(s.key))
			continue
		}
		own := s.key == key.Name
		if canonical[key.Name] && !own {
			continue
		}
		canonical[key.Name] = canonical[key.Name] || own
		b.set[key.Name] = s
	}
}

// addEnvironment reads the variables with one of the prefixes (config.md section 2).
func (b *builder) addEnvironment(prefix string) {
	var settings []setting
	for _, entry := range slices.Sorted(slices.Values(b.src.Environ)) {
		name, value, _ := strings.Cut(entry, "=")
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || isServiceLink(rest, value) {
			continue
		}
		s := setting{
			key:   strings.ReplaceAll(strings.ToLower(rest), "_", "-"),
			value: strings.Trim(value, " \t\r\n"),
			where: Where{Layer: Environment, Name: name},
		}
		if hasControl(s.value) {
			b.problem(Problem{Where: s.where, Key: s.key, Reason: errControl.Error()})
			continue
		}
		settings = append(settings, s)
	}
	b.addLayer(settings)
}

// isServiceLink recognises what Kubernetes and Docker put into the environment for a service that is called like the
// program, such as POSTHOORN_SMTP_PORT=tcp://10.0.0.1:25. Nobody set these.
func isServiceLink(name, value string) bool {
	return strings.HasPrefix(value, "tcp://") || strings.HasPrefix(value, "udp://") ||
		strings.HasSuffix(name, "SERVICE_HOST") || strings.Contains(name, "SERVICE_PORT") ||
		strings.Contains(name, "PORT_") && (strings.Contains(name, "_TCP") || strings.Contains(name, "_UDP"))
}
