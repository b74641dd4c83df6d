package sqldb

import (
	"cmp"
	"database/sql/driver"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresDialect finds tables where an unqualified name finds them.
var postgresDialect = dialect{
	connector: postgresConnector,
	quotes:    `"`,
	numbered:  true,
	counted:   "serial PRIMARY KEY",
	time:      "timestamp",
	text:      "text",
	same:      "CAST(%c AS text) = %v",
	blob:      "bytea",
	key:       `varchar(%d) COLLATE "C" PRIMARY KEY`,
	conflict:  "ON CONFLICT (%k) DO UPDATE SET",
	given:     "excluded.%c",
	indexes:   "SELECT indexname FROM pg_indexes WHERE tablename = %v AND schemaname = ANY (current_schemas(false))",
	stays:     true,
	tooLarge:  func(error) bool { return false },
	columns: "SELECT column_name FROM information_schema.columns WHERE table_name = %v AND table_schema = " +
		"(SELECT s FROM unnest(current_schemas(false)) AS s WHERE EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = s AND table_name = %v) LIMIT 1)",
	beginRead:  "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
	returning:  true,
	beginWrite: "BEGIN",
	again:      postgresAgain,
}

// longestMessage from the server, such as one row, unless that may have larger values. They come as two digits a byte.
const longestMessage = 64 << 20

func postgresConnector(a address, o Options) (driver.Connector, error) {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var parts []string
	for _, p := range [][2]string{{"host", a.host}, {"port", cmp.Or(a.port, "5432")}, {"user", a.user}, {"password", a.password}, {"dbname", a.name}, {"sslmode", a.sslmode}} {
		parts = append(parts, p[0]+"='"+quote.Replace(p[1])+"'")
	}
	c, err := pgx.ParseConfig(strings.Join(parts, " "))
	if err != nil {
		return nil, errors.New("the environment variables or files of PostgreSQL's own clients are wrong") // their error quotes the login
	}
	c.ConnectTimeout = silence
	c.MaxProtocolMessageBodyLen = max(longestMessage, 2*o.Largest+1<<20)
	// Nothing is prepared, so that it also works through a connection pooler, and a text fits in a column of any type.
	c.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	for name, value := range map[string]string{"client_encoding": "UTF8", "timezone": "UTC", "datestyle": "ISO, YMD", "standard_conforming_strings": "on"} {
		c.RuntimeParams[name] = value
	}
	return stdlib.GetConnector(*c), nil
}

// postgresAgain: deadlock or serialization failure.
func postgresAgain(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40P01" || e.Code == "40001")
}
