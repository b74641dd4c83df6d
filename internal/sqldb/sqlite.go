package sqldb

import (
	"database/sql/driver"
	"fmt"
	"net/url"
	"os"

	"modernc.org/sqlite"
)

// sqliteDialect leaves the journal of the file as it is: by default a rollback journal, with which the file can be copied, and edited
// by any other program, whenever nobody writes.
var sqliteDialect = dialect{
	connector: openFile,
	quotes:    `"`,
	// Without AUTOINCREMENT the number of a deleted row is given to the next one, and a late Delete hits the wrong row.
	counted:    "integer PRIMARY KEY AUTOINCREMENT",
	time:       "datetime",
	text:       "text",
	same:       "CAST(%c AS blob) = CAST(%v AS blob)",
	blob:       "blob",
	key:        "varchar(%d) NOT NULL PRIMARY KEY",
	conflict:   "ON CONFLICT (%k) DO UPDATE SET",
	given:      "excluded.%c",
	indexes:    "SELECT lower(name) FROM pragma_index_list(%v)",
	columns:    "SELECT lower(name) FROM pragma_table_info(%v)",
	beginRead:  "BEGIN",
	returning:  true,
	beginWrite: "BEGIN IMMEDIATE",
	again:      func(error) bool { return false },
	tooLarge:   func(error) bool { return false },
}

// openFile makes the file if it is missing. Later connections do not: a file that vanishes is an outage and not an empty database.
func openFile(a address, _ Options) (driver.Connector, error) {
	f, err := os.OpenFile(a.name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err := f.Close(); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", a.name)
	}
	options := url.Values{"mode": {"rw"}, "_pragma": {"busy_timeout(2500)", "trusted_schema(0)"}}
	return sqlite.NewConnector((&url.URL{Scheme: "file", Path: a.name, RawQuery: options.Encode()}).String())
}
