package sqldb

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"log/slog"
	"net"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// mysqlDialect names a character set, since that of the database may be latin1.
var mysqlDialect = dialect{
	connector:   mysqlConnector,
	quotes:      "`",
	counted:     "int AUTO_INCREMENT PRIMARY KEY",
	time:        "datetime",
	text:        "char",
	tableSuffix: " DEFAULT CHARACTER SET utf8mb4",
	same:        "CAST(CONVERT(%c USING utf8mb4) AS binary) = CAST(CONVERT(%v USING utf8mb4) AS binary)",
	blob:        "longblob",
	// Texts would be compared without regard to case or to blanks at the end.
	key:        "varbinary(%b) PRIMARY KEY",
	conflict:   "ON DUPLICATE KEY UPDATE",
	given:      "VALUES(%c)",
	indexes:    "SELECT lower(index_name) FROM information_schema.statistics WHERE table_schema = database() AND table_name = %v",
	stays:      true,
	tooLarge:   mysqlTooLarge,
	columns:    "SELECT lower(column_name) FROM information_schema.columns WHERE table_schema = database() AND table_name = %v",
	beginRead:  "START TRANSACTION WITH CONSISTENT SNAPSHOT",
	beginWrite: "START TRANSACTION",
	again:      mysqlAgain,
}

// mysqlModes are sslmodes in the words of the driver.
var mysqlModes = map[string]string{"disable": "false", "prefer": "preferred", "require": "skip-verify", "verify-full": "true"}

func mysqlConnector(a address, o Options) (driver.Connector, error) {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.DBName = a.user, a.password, a.name
	c.Net, c.Addr, c.TLSConfig = "tcp", net.JoinHostPort(a.host, cmp.Or(a.port, "3306")), mysqlModes[a.sslmode]
	if strings.HasPrefix(a.host, "/") {
		c.Net, c.Addr, c.TLSConfig = "unix", a.host, ""
	}
	c.Timeout, c.ReadTimeout, c.WriteTimeout = silence, toChange, toChange
	if o.Connections > 0 {
		c.MaxAllowedPacket = 0 // ask the server
	}
	c.InterpolateParams = true // one round trip instead of three
	c.Logger = mysqlLog{o.Logger}
	c.Params = map[string]string{"time_zone": "'+00:00'", "sql_mode": "'STRICT_ALL_TABLES'"}
	if err := c.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		return nil, err
	}
	return freshConnector{c}, nil
}

// freshConnector gives each connection a configuration of its own: the driver writes into it while it connects.
type freshConnector struct{ config *mysql.Config }

func (c freshConnector) Connect(ctx context.Context) (driver.Conn, error) {
	one, err := mysql.NewConnector(c.config.Clone())
	if err != nil {
		return nil, err
	}
	return one.Connect(ctx)
}

func (c freshConnector) Driver() driver.Driver { return mysql.MySQLDriver{} }

// mysqlLog takes what the driver says besides its errors.
type mysqlLog struct{ log *slog.Logger }

func (l mysqlLog) Print(words ...any) {
	l.log.LogAttrs(context.Background(), slog.LevelDebug, "driver", slog.Any("says", words))
}

// mysqlTooLarge: max_allowed_packet.
func mysqlTooLarge(err error) bool {
	var e *mysql.MySQLError
	return errors.Is(err, mysql.ErrPktTooLarge) || errors.As(err, &e) && strings.Contains(e.Message, "max_allowed_packet") // in several numbers
}

// mysqlAgain: deadlock, or a row that changed since the snapshot (MariaDB 11.6).
func mysqlAgain(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && (e.Number == 1213 || e.Number == 1020)
}
