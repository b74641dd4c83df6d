package journal

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// writers are all outputs; several logs with the same file share its writer.
type writers struct {
	all    []*writer
	app    int // so many of them, the first, were opened for the application and the error log
	byPath map[string]*writer
	meters *meters
	log    *slog.Logger // where a writer reports that it cannot write
}

// output opens an output of the application log.
func (ws *writers) output(name, log string) (*writer, error) {
	if w := ws.byPath[name]; w != nil {
		return w, nil
	}
	switch name {
	case "stdout":
		return ws.add(name, log, File{}, stream{os.Stdout}), nil
	case "stderr":
		return ws.add(name, log, File{}, stream{os.Stderr}), nil
	case "syslog":
		s, err := openSyslog("", "")
		if err != nil {
			return nil, fmt.Errorf("%s log: %w", log, err)
		}
		return ws.add(name, log, File{}, s), nil
	}
	return ws.file(File{Path: name}, log)
}

func (ws *writers) file(o File, log string) (*writer, error) {
	o.Path = filepath.Clean(o.Path)
	if w := ws.byPath[o.Path]; w != nil {
		if w.options != o {
			return nil, fmt.Errorf("%s log: %s is also another log, which is rotated in another way", log, o.Path)
		}
		return w, nil
	}
	f, err := openFile(o, ws.meters.of(log).rotations.Inc, ws.log.With("file", o.Path))
	if err != nil {
		return nil, fmt.Errorf("%s log: %w", log, err)
	}
	return ws.add(o.Path, log, o, f), nil
}

func (ws *writers) add(path, log string, o File, out output) *writer {
	w := newWriter(path, o, out, enoughFor(log), ws.meters.of(log), ws.reporter(log))
	ws.all = append(ws.all, w)
	ws.byPath[path] = w
	return w
}

// enoughFor is how many bytes of a log are written without waiting for more. What the program says of itself may be its last words.
func enoughFor(log string) int {
	if ofProgram(log) {
		return atOnce
	}
	return enough
}

func ofProgram(log string) bool { return log == "application" || log == "error" }

// reporter is where a writer says that it cannot write. That of the application log has to say it
// elsewhere.
func (ws *writers) reporter(log string) *slog.Logger {
	if ofProgram(log) {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return ws.log
}
