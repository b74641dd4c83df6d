package settings

import (
	"encoding/json"
	"strconv"
	"strings"

	"posthoorn/internal/mail"
)

// tableAudit has what was changed by the Editor (it is ours): who, when, before and after.
const tableAudit = "audit"

// mostChanges is how many rows it keeps.
const mostChanges = 10_000

func auditColumns() []Column {
	return []Column{
		id(), moment("moment"), text("who", 255), text("tablename", 64), number("row_id"), text("action", 16),
		long("cells_before"), long("cells_after"), number("undoes"), number("undone"), number("part_of"), number("secrets"),
	}
}

// cells are the change as a row of the table. Of secrets it keeps in clear those alone that are nowhere else any more.
func (c *Change) cells() map[string]any {
	before, after, secrets := c.before, c.after, 0
	if t, ok := editable(c.Table); ok {
		before = t.sealed(before, func(column string) bool { return before[column] != after[column] })
		after = t.sealed(after, noSecret)
		if t.hasSecrets(before) {
			secrets = 1
		}
	}
	return map[string]any{
		"moment": c.Time.UTC().Format(mail.TimeLayout), "who": nameOf(c.Who), "tablename": c.Table, "row_id": c.Row,
		"action": string(c.Action), "cells_before": rowText(before), "cells_after": rowText(after), "undoes": c.UndoOf, "undone": 0,
		"part_of": c.PartOf, "secrets": secrets,
	}
}

// nameOf is a name that the column takes.
func nameOf(who string) string {
	runes := []rune(strings.ReplaceAll(strings.ToValidUTF8(who, "\uFFFD"), "\x00", ""))
	return string(runes[:min(len(runes), 255)])
}

func rowText(row Row) any {
	if row == nil {
		return nil
	}
	text, _ := json.Marshal(row) // strings can always be written
	return string(text)
}

// changeOf reads a row of the table.
func changeOf(row Row) Change {
	c := Change{
		ID: idOf(row["id"]), Who: row["who"], Table: row["tablename"], Row: idOf(row["row_id"]), Action: Action(row["action"]),
		UndoOf: idOf(row["undoes"]), Undone: idOf(row["undone"]) != 0, PartOf: idOf(row["part_of"]),
		before: rowOf(row["cells_before"]), after: rowOf(row["cells_after"]),
	}
	c.Time, _ = parseTime(row["moment"])
	if t, ok := editable(c.Table); ok {
		c.Before, c.After = t.open(c.before), t.open(c.after)
		if !c.Undone && t.forgotten(&c) {
			c.Final = ErrForgotten.Error()
		}
	}
	if c.Table == MailOrder {
		c.Final, c.After = ErrFinal.Error(), Cells{}
		for name, text := range c.after {
			c.After[name] = text
		}
	}
	return c
}

func idOf(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

func rowOf(text string) (row Row) {
	if text == "" || json.Unmarshal([]byte(text), &row) != nil {
		return nil
	}
	return row
}
