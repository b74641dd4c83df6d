package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const (
	manual   = "../../../docs/configuration.md"
	beginKey = "<!-- keys: written by the tests of the config package, do not edit by hand -->\n"
	endKey   = "<!-- end of keys -->\n"
)

// TestManual keeps the tables of the manual equal to the table of keys; -update writes them.
func TestManual(t *testing.T) {
	data, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), beginKey)
	_, after, ok2 := strings.Cut(rest, endKey)
	if !ok || !ok2 {
		t.Fatal("the marks around the tables are gone")
	}
	golden(t, manual, before+beginKey+keyTables()+endKey+after)
}

func keyTables() string {
	var out strings.Builder
	area := ""
	for _, key := range Keys() {
		if key.Area != area {
			area = key.Area
			fmt.Fprintf(&out, "\n### %s\n\n| Key | Value | Default | Since | Meaning |\n|---|---|---|---|---|\n", area)
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s |\n", keyNamesOf(key), key.Type.Allowed, defaultOf(key), key.Since, meaningOf(key))
	}
	return out.String() + "\n"
}

func keyNamesOf(key Key) string {
	text := "`" + key.Name + "`"
	for _, a := range key.Aliases {
		text += ", also `" + a + "`"
	}
	return text
}

func defaultOf(key Key) string {
	switch {
	case key.Use != Active:
		return "–"
	case key.Absent != "":
		return key.Absent
	case key.Default == "":
		return "empty"
	}
	return "`" + key.Default + "`"
}

func meaningOf(key Key) string {
	if key.Use == Active && !key.Built {
		return "*Not built yet.* " + key.Help
	}
	return key.Help
}
