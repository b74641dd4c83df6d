package settings

// Tables are those of 4.0 (database.md section 3) in a fixed order, with the columns that later versions added where they bound
// delivery. Other programs read and write them with their own SQL: a column keeps its name and is never dropped.
func Tables() []Table {
	return []Table{
		{Name: tableCapacity, Columns: capacityColumns()},
		{Name: tableFloods, Columns: floodColumns()},
		{Name: "ips", Columns: []Column{text("ip", 45), text("vhost", 255), text("exchange", 255), text("outbox", 255)}},
		{Name: tableKeys, Columns: keyColumns()},
		{Name: tableSigns, Columns: []Column{id(), number("key_id"), text("type", 16), text("sign", 255)}},
		{Name: tableLocals, Columns: []Column{id(), text("type", 16), text("address", 255)}},
		{Name: tableDelegates, Columns: []Column{
			id(), text("localip", 45), text("domain", 255), text("delegate", 45), moment("expire"),
		}},
		{Name: tablePaused, Columns: []Column{
			id(), text("localip", 45), text("target", 255), text("tag", 255), number("cluster"), number("server"), moment("expire"),
		}},
		{Name: tableNames, Columns: []Column{id(), text("ip", 45), text("name", 255)}},
		{Name: tableDNS, Columns: []Column{id(), text("domain", 255), text("ip", 45), preset("priority", 0)}},
		{Name: tableBlacklist, Columns: []Column{id(), text("iprange", 100)}},
		{Name: tableTokens, Columns: []Column{id(), text("token", 255), text("name", 255)}},
		{Name: tableAudit, Columns: auditColumns()},
	}
}

// The tables that a Snapshot is made of.
const (
	tableCapacity  = "capacity"
	tableFloods    = "flood_responses"
	tableDelegates = "delegates"
	tablePaused    = "paused"
	tableNames     = "mtanames"
	tableDNS       = "dns"
	tableKeys      = "dkim_keys"
	tableSigns     = "dkim_patterns"
	tableLocals    = "locals"
	tableBlacklist = "blacklist"
	tableTokens    = "tokens"
)

func id() Column                     { return Column{Name: "id", Kind: Int, Primary: true} }
func number(name string) Column      { return Column{Name: name, Kind: Int} }
func text(name string, n int) Column { return Column{Name: name, Kind: Text, Size: n} }
func long(name string) Column        { return Column{Name: name, Kind: LongText} }
func moment(name string) Column      { return Column{Name: name, Kind: Time} }

func preset(name string, value int) Column {
	return Column{Name: name, Kind: Int, Default: value, HasDefault: true}
}

func capacityColumns() []Column {
	columns := []Column{id(), text("name", 255), preset("sortorder", unset), text("localip", 45), text("domain", 255)}
	return append(append(columns, limitColumns()...), preset("rules_only", unset))
}

func floodColumns() []Column {
	columns := []Column{id(), text("name", 255), long("pattern"), text("type", 16), number("pause"), number("duration")}
	return append(columns, limitColumns()...)
}

// limitColumns are unset by default: a row written by hand with only the columns that matter leaves the others to the less
// specific rows.
func limitColumns() []Column {
	columns := make([]Column, 0, len(fields))
	for i := range fields {
		columns = append(columns, preset(fields[i].column, unset))
	}
	return columns
}

func keyColumns() []Column {
	return []Column{
		id(), text("domain", 255), text("selector", 255), long("privatekey"), moment("expire"), text("algorithm", 32),
		long("headers"), preset("priority", 0), preset("verify", 1), text("protocols", 32), number("report"),
		text("canonicalization", 32),
	}
}
