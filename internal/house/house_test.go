// Package house holds the plan of the house: which floor each package lives on, and so which other it may know. It has no
// code, only the test that reads every import of the module and fails on one that goes up, sideways, or past an edge.
package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const ours = "posthoorn/internal/"

// floors, from the ground up. A package may import what lives below it, never a neighbour.
var floors = [][]string{
	{"mail", "template", "mime"},
	{"smtp", "certs", "compose", "report", "mailauth", "login", "dns", "fetch", "stats", "monitor", "sqldb", "localqueue", "journal"},
	{"settings", "broker", "store"},
	{"schedule", "deliver", "inject", "prepare", "settle"},
	{"outbox"},
	{"smtpd", "spool", "console", "cluster", "control", "sink", "hook"},
	{"app"},
}

// edges are imported by app alone, and import their parent and the tool beside them alone.
var edges = map[string]string{
	"broker/amqp": "", "broker/local": "localqueue",
	"settings/sqldb": "sqldb",
	"store/dir":      "", "store/mongo": "", "store/s3": "", "store/sqldb": "sqldb",
}

// drivers live in one folder each, which may have sub-folders.
var drivers = map[string]string{
	"github.com/rabbitmq/amqp091-go":  "broker/amqp",
	"github.com/cockroachdb/pebble":   "localqueue",
	"github.com/miekg/dns":            "dns",
	"github.com/pires/go-proxyproto":  "smtpd",
	"github.com/coder/websocket":      "console",
	"github.com/emersion/go-msgauth":  "mailauth",
	"github.com/ebitengine/purego":    "mailauth/dkim",
	"github.com/go-crypt":             "login",
	"github.com/go-ldap/ldap":         "login",
	"blitiri.com.ar/go/spf":           "mailauth",
	"go.mongodb.org/mongo-driver":     "store/mongo",
	"github.com/aws":                  "store/s3",
	"modernc.org/sqlite":              "sqldb",
	"github.com/jackc/pgx":            "sqldb",
	"github.com/go-sql-driver/mysql":  "sqldb",
	"github.com/andybalholm/cascadia": "compose",
	"github.com/tdewolff/parse":       "compose",
	"github.com/mmcdole/gofeed":       "compose",
	"github.com/microcosm-cc":         "compose",
	"golang.org/x/image":              "compose",
}

// pure packages open nothing: time, randomness and resources come in as arguments.
var (
	pure    = []string{"mail", "template", "mime", "smtp", "compose", "report", "stats", "schedule"}
	openers = []string{"os", "os/exec", "net/http", "database/sql", "math/rand", "math/rand/v2", "crypto/rand", "syscall"}
)

func floor(pkg string) int {
	top, _, _ := strings.Cut(pkg, "/")
	return slices.IndexFunc(floors, func(names []string) bool { return slices.Contains(names, top) })
}

// forTests says that a package exists for tests: testbed, this one, and folders such as dns/dnstest.
func forTests(pkg string) bool {
	return pkg == "testbed" || pkg == "house" || strings.Contains(pkg, "/") && strings.HasSuffix(pkg, "test")
}

// wrong says what is wrong with an import in the shipped code, with full import paths; empty: nothing.
func wrong(from, to string) string {
	pkg, inside := strings.CutPrefix(from, ours)
	other, own := strings.CutPrefix(to, ours)
	switch {
	case inside && forTests(pkg), strings.HasPrefix(from, "posthoorn/bench/"), strings.HasPrefix(from, "posthoorn/test/"):
		return "" // never part of the program
	case own && forTests(other):
		return "is for tests"
	case !own:
		return wrongForeign(pkg, to)
	case !inside:
		if other == "app" || strings.HasPrefix(other, "app/") {
			return ""
		}
		return "a command knows app alone"
	}
	return wrongOwn(pkg, other)
}

func wrongForeign(pkg, to string) string {
	for driver, folder := range drivers {
		if under(to, driver) && !under(pkg, folder) {
			return "belongs to " + folder + " alone"
		}
	}
	isPure := slices.ContainsFunc(pure, func(p string) bool { return under(pkg, p) })
	if isPure && slices.Contains(openers, to) {
		return "a pure package opens nothing"
	}
	return ""
}

func wrongOwn(pkg, other string) string {
	tool, edge := edges[pkg]
	_, otherEdge := edges[other]
	top, _, _ := strings.Cut(pkg, "/")
	switch {
	case floor(pkg) < 0 || floor(other) < 0:
		return "has no floor"
	case otherEdge && top != "app":
		return "an edge, known to app alone"
	case edge && other != path.Dir(pkg) && other != tool:
		return "an edge knows its parent and its tool alone"
	case floor(other) > floor(pkg):
		return "lives above"
	case floor(other) == floor(pkg) && !under(other, top):
		return "is a neighbour"
	}
	return ""
}

// under says that a path is folder or lies in it.
func under(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

func TestFloors(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "-deps=false", "posthoorn/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for list := json.NewDecoder(bytes.NewReader(out)); ; seen++ {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := list.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if pkg, ok := strings.CutPrefix(p.ImportPath, ours); ok && floor(pkg) < 0 && !forTests(pkg) {
			t.Errorf("%s has no floor: give it one in this table", p.ImportPath)
		}
		for _, to := range p.Imports {
			if why := wrong(p.ImportPath, to); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, to, why)
			}
		}
	}
	if seen < len(floors) {
		t.Errorf("go list named %d packages: that cannot be all", seen)
	}
}

// TestFloorsCanFail shows the rules at work on imports that are made up.
func TestFloorsCanFail(t *testing.T) {
	for _, c := range []struct {
		from, to string
		good     bool
	}{
		{ours + "outbox", ours + "deliver", true},
		{ours + "outbox", ours + "mail", true},
		{ours + "app", ours + "broker/amqp", true},
		{ours + "app", ours + "app/config", true},
		{ours + "broker/local", ours + "localqueue", true},
		{ours + "broker/amqp", "github.com/rabbitmq/amqp091-go", true},
		{ours + "localqueue", "github.com/cockroachdb/pebble/v2/vfs", true},
		{ours + "prepare", ours + "mailauth/dkim", true},
		{ours + "mailauth/dmarc", ours + "mailauth/dkim", true},
		{ours + "broker/brokertest", ours + "testbed", true},
		{ours + "mail", "net/netip", true},
		{"posthoorn/cmd/posthoorn", ours + "app", true},
		{"posthoorn/bench/run", ours + "testbed", true},

		{ours + "deliver", ours + "schedule", false},
		{ours + "mail", ours + "smtp", false},
		{ours + "outbox", ours + "app", false},
		{ours + "outbox", ours + "broker/amqp", false},
		{ours + "broker/amqp", ours + "mail", false},
		{ours + "broker/amqp", ours + "localqueue", false},
		{ours + "broker/amqp", ours + "broker/local", false},
		{ours + "outbox", ours + "testbed", false},
		{ours + "outbox", ours + "dns/dnstest", false},
		{ours + "outbox", ours + "util", false},
		{ours + "util", ours + "mail", false},
		{ours + "settle", "github.com/cockroachdb/pebble/v2", false},
		{ours + "cluster", "github.com/rabbitmq/amqp091-go", false},
		{"posthoorn/cmd/posthoorn", "github.com/rabbitmq/amqp091-go", false},
		{"posthoorn/cmd/posthoorn", ours + "outbox", false},
		{ours + "schedule", "os", false},
		{ours + "compose/inline", "net/http", false},
	} {
		if why := wrong(c.from, c.to); (why == "") != c.good {
			t.Errorf("%s imports %s: judged %q", c.from, c.to, why)
		}
	}
}
