package sqldb

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, have, want any) {
	t.Helper()
	if !reflect.DeepEqual(have, want) {
		t.Fatalf("have %v\nwant %v", have, want)
	}
}

func read(t *testing.T, d *DB, table Table) []Row {
	t.Helper()
	all, err := d.Read(t.Context(), []Table{table})
	must(t, err)
	return all[table.Name]
}

// failed says that an error has these words and not the password; no words: that there is no error.
func failed(t *testing.T, e engine, err error, words string) {
	t.Helper()
	switch {
	case words == "" && err != nil:
		t.Fatal(err)
	case words == "":
	case err == nil || !strings.Contains(err.Error(), words):
		t.Fatalf("have the error %v, want %q", err, words)
	case strings.Contains(err.Error(), e.password) || strings.Contains(err.Error(), url.PathEscape(e.password)):
		t.Fatalf("the password is in %v", err)
	}
}
