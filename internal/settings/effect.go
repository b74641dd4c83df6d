package settings

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Preview says what a change would do: a new row (id 0), other cells of a row, or its end.
func (e *Editor) Preview(ctx context.Context, table string, id int64, given Cells, remove bool) (Effect, error) {
	t, cells, err := e.given(table, given)
	if err == nil && id == 0 && !remove && len(cells) == 0 && table != tablePaused {
		err = errNoCells
	}
	if refused, ok := errors.AsType[*CellError](err); ok {
		return Effect{Problem: refused.Error(), Field: refused.Column}, nil
	}
	if err != nil {
		return Effect{}, err
	}
	if e.db == nil && table != tablePaused {
		return Effect{}, ErrNoDatabase
	}
	var all []Row
	lost := e.db == nil
	if !lost {
		if all, err = e.load(ctx, &t); err != nil && (table != tablePaused || id > 0) {
			return Effect{}, err
		}
		lost = err != nil
	}
	old, found := find(all, id)
	if id < 0 && table == tablePaused {
		old, found = e.memoryPause(id)
	}
	if id != 0 && !found {
		return Effect{}, ErrNoRow
	}
	f := e.effect(&t, all, id, old, t.with(old, cells), remove)
	if lost && !remove && f.Problem == "" {
		f.Warning = "the database cannot be reached, so this will be held in memory alone: it ends with the program"
	}
	if remove && table == tableKeys {
		return f, e.patternsGo(ctx, &f, id)
	}
	return f, nil
}

// patternsGo tells of the patterns that are removed with a key.
func (e *Editor) patternsGo(ctx context.Context, f *Effect, id int64) error {
	t, _ := editable(tableSigns)
	all, err := e.load(ctx, &t)
	n := 0
	for _, row := range all {
		if idOf(row[keyColumn]) == id {
			n++
		}
	}
	switch {
	case n == 1:
		f.Text += " Its pattern is removed with it."
	case n > 1:
		f.Text += fmt.Sprintf(" Its %d patterns are removed with it.", n)
	}
	return err
}

// PreviewUndo says what Undo would do, or why it would not.
func (e *Editor) PreviewUndo(ctx context.Context, id int64) (f Effect, err error) {
	if e.db == nil {
		return f, ErrNoDatabase
	}
	var step []Change
	var t TableInfo
	var now Row
	err = e.db.Write(ctx, func(tx Tx) error {
		if step, err = stepOf(tx, id); err != nil {
			return err
		}
		for i := range slices.Backward(step) { // the leading one at the end
			if t, now, err = step[i].undoable(tx); err != nil {
				return err
			}
		}
		return nil
	})
	for _, why := range []error{ErrFinal, ErrForgotten, ErrChanged} {
		if errors.Is(err, why) {
			return Effect{Problem: why.Error()}, nil
		}
	}
	if err != nil {
		return f, err
	}
	return e.undone(ctx, &t, &step[0], now, len(step)-1)
}

// undone is the effect of taking a change back, and so many others with it.
func (e *Editor) undone(ctx context.Context, t *TableInfo, c *Change, now Row, others int) (Effect, error) {
	all, err := e.load(ctx, t)
	if err != nil {
		return Effect{}, err
	}
	row, remove := c.before, c.before == nil
	if remove {
		row = now
	}
	f := e.effect(t, all, c.Row, now, row, remove)
	if f.Problem != "" { // it was so before, and an undo does not judge
		f = Effect{Text: "The row is as it was, and does not count: " + f.Problem + "."}
	}
	if remove && t.Name == tableKeys {
		return f, e.patternsGo(ctx, &f, c.Row)
	}
	if others > 0 {
		f.Text += fmt.Sprintf(" What was changed in the same step is undone, too (%d more).", others)
	}
	return f, nil
}

func find(rows []Row, id int64) (Row, bool) {
	for _, row := range rows {
		if id > 0 && idOf(row["id"]) == id {
			return row, true
		}
	}
	return nil, false
}

func (e *Editor) effect(t *TableInfo, all []Row, id int64, old, row Row, remove bool) Effect {
	next := put(all, id, row)
	if remove {
		next = next[:len(next)-1]
		row = old
	} else if err := e.judge(t, next, id); err != nil {
		refused, _ := errors.AsType[*CellError](err)
		return Effect{Problem: refused.Error(), Field: refused.Column}
	}
	f := Effect{Text: sentence(t.Name, row, remove), Concerns: concerned(t.Name, row)}
	if !remove {
		f.Warning = e.cache.options.warning(t.Name, row, e.now())
	}
	if ends := sentence(t.Name, old, true); old != nil && !remove && ends != sentence(t.Name, row, true) {
		f.Text, f.Concerns = ends+" "+f.Text, either(concerned(t.Name, old), f.Concerns)
	}
	if t.loses(old, row, remove) {
		f.Text += " What is lost by this is kept for three days: until then it can be undone."
	}
	if t.Name == tableCapacity {
		f.Limits = e.limitChanges(all, next, row)
	}
	return f
}

// loses says that a secret is removed or replaced.
func (t *TableInfo) loses(old, row Row, remove bool) bool {
	return slices.ContainsFunc(t.Columns, func(c ColumnInfo) bool {
		return c.Secret && old[c.Name] != "" && (remove || old[c.Name] != row[c.Name])
	})
}

// limitChanges compare what holds for the pair of a row.
func (e *Editor) limitChanges(before, after []Row, row Row) (list []LimitChange) {
	in := &cells{row: row}
	source, domain := in.addr("localip"), in.domain("domain")
	var domains []string
	if domain != "" {
		domains = []string{domain}
	}
	limits := func(rows []Row) []LimitField {
		return newSnapshot(newContents(map[string][]Row{tableCapacity: rows}, e.cache.options.Server), 0, nil, e.now()).ExplainLimits(source, domains, nil)
	}
	was, is := limits(before), limits(after)
	for i := range was {
		if was[i].Value != is[i].Value {
			list = append(list, LimitChange{was[i].Name, was[i].Value, is[i].Value})
		}
	}
	return list
}

// concerned says which destinations a row is about.
func concerned(table string, row Row) func(domain string) bool {
	in := &cells{row: row}
	column := map[string]string{tableCapacity: "domain", tableDelegates: "domain", tableDNS: "domain", tablePaused: "target"}[table]
	if column == "" {
		return nil
	}
	text := in.selector(column)
	if _, err := netip.ParseAddr(text); err == nil || in.selector("tag") != "" && table == tablePaused {
		return nil
	}
	if text == "" {
		return func(string) bool { return true }
	}
	domain, err := parseDomain(text)
	return func(other string) bool { return err == nil && withoutPort(other) == domain }
}

// either is what one of both says.
func either(a, b func(string) bool) func(string) bool {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(destination string) bool { return a(destination) || b(destination) }
}

// sentence tells in words what a row does, or what its end does.
func sentence(table string, row Row, remove bool) string {
	s := saying(row)
	switch table {
	case tableCapacity:
		return "Limits of mail " + s.way("localip", "domain") + " change, where no more specific row sets them."
	case tableFloods:
		return s.flood(remove)
	case tablePaused:
		return s.paused(remove)
	case tableDelegates:
		if remove {
			return "Mail " + s.way("localip", "domain") + " is no longer redirected to " + s["delegate"] + "."
		}
		return "Mail " + s.way("localip", "domain") + " leaves from " + s["delegate"] + " instead" + s.until() + "."
	case tableLocals:
		if remove {
			return "Mail for " + s.pattern("address") + " is local no more: only who may relay can send it."
		}
		return "Mail for " + s.pattern("address") + " is taken from everybody, and goes to the queue for local mail."
	case tableNames:
		if remove {
			return "Connections from " + s["ip"] + " that are opened from now on say the name of its reverse DNS in EHLO."
		}
		return "Connections from " + s["ip"] + " that are opened from now on say EHLO " + s["name"] + "."
	case tableDNS:
		if remove {
			return "Mail to " + s["domain"] + " no longer goes to " + s["ip"] + "; without other rows the DNS says where."
		}
		return "Mail to " + s["domain"] + " goes to " + s["ip"] + ", whatever the DNS says."
	case tableBlacklist:
		return pick(remove, "Clients in "+s["iprange"]+" may connect again.", "Clients in "+s["iprange"]+" are refused when they connect.")
	case tableTokens:
		return pick(remove, "The token "+s["name"]+" opens nothing any more.", "Who has the token "+s["name"]+" may do everything that this console can.")
	case tableKeys:
		return pick(remove, "Nothing is signed with "+s.selectorName()+" any more.", "The key "+s.selectorName()+" signs mail of the domains that its patterns name.")
	}
	return pick(remove, "Mail of "+s.pattern("sign")+" is not signed with this key any more.", "Mail of "+s.pattern("sign")+" is signed with this key too.")
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// saying is a row in words.
type saying map[string]string

func (s saying) way(source, domain string) string {
	text := "to " + named(s[domain])
	if named(s[domain]) == "" {
		text = "to all destinations"
	}
	if from := named(s[source]); from != "" {
		text += " from " + from
	}
	return text
}

func (s saying) until() string {
	if s["expire"] == "" {
		return ""
	}
	return " until " + s["expire"] + " UTC"
}

func (s saying) paused(remove bool) string {
	text := "Deliveries " + s.way("localip", "target")
	if tag := named(s["tag"]); tag != "" {
		text += " with the tag " + tag
	}
	if remove {
		return text + " go on, and what waits flows at once."
	}
	return text + " stop" + s.until() + ". Mail waits, none is lost; its deadline keeps running."
}

func (s saying) flood(remove bool) string {
	if remove {
		return "Answers that match " + s.pattern("pattern") + " have no effect any more; pauses that they have caused go on to their end."
	}
	var parts []string
	if n := s["pause"]; n != "" && n != "0" {
		parts = append(parts, "stops mail between the two addresses for "+n+" seconds")
	}
	if n := s["duration"]; n != "" && n != "0" {
		parts = append(parts, "then holds the limits of this row for "+n+" seconds")
	}
	if len(parts) == 0 {
		parts = []string{"does nothing yet: neither a pause nor a duration is set"}
	}
	return fmt.Sprintf("A failed answer that matches %s %s.", s.pattern("pattern"), strings.Join(parts, ", "))
}

func (s saying) pattern(column string) string {
	switch s["type"] {
	case "global":
		return "all domains"
	case "exact":
		return s[column]
	}
	return s["type"] + " " + s[column]
}

func (s saying) selectorName() string { return s["selector"] + "._domainkey." + s["domain"] }
