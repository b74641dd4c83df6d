package settings

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"posthoorn/internal/mail"
)

// secretsAge is how long the secrets of rows that were removed or replaced are kept, so that this can be undone. It is longer than a
// weekend. All other secrets in the audit trail are digests, which tell no more than whether a row is as it was.
const secretsAge = 72 * time.Hour

const digestMark = "digest:"

// digest stands for a secret that is not kept; one of nothing is nothing.
func digest(secret string) string {
	if secret == "" || isDigest(secret) {
		return secret
	}
	sum := sha256.Sum256([]byte(secret))
	return digestMark + hex.EncodeToString(sum[:])
}

func isDigest(text string) bool {
	sum, ok := strings.CutPrefix(text, digestMark)
	return ok && len(sum) == 2*sha256.Size && strings.Trim(sum, "0123456789abcdef") == ""
}

// sealed is a row without the secrets that keep does not want.
func (t *TableInfo) sealed(row Row, keep func(column string) bool) Row {
	if row == nil {
		return nil
	}
	row = maps.Clone(row)
	for _, c := range t.Columns {
		if text, ok := row[c.Name]; ok && c.Secret && !keep(c.Name) {
			row[c.Name] = digest(text)
		}
	}
	return row
}

func noSecret(string) bool { return false }

// hasSecrets says that a row has secrets in clear.
func (t *TableInfo) hasSecrets(row Row) bool {
	return slices.ContainsFunc(t.Columns, func(c ColumnInfo) bool { return c.Secret && row[c.Name] != "" && !isDigest(row[c.Name]) })
}

// forgotten says that an undo would need a secret that is not kept any more.
func (t *TableInfo) forgotten(c *Change) bool {
	return c.before != nil && slices.ContainsFunc(t.Columns, func(col ColumnInfo) bool {
		return col.Secret && isDigest(c.before[col.Name]) && c.before[col.Name] != c.after[col.Name]
	})
}

// Forget removes the secrets from the audit trail that are older than three days.
func (e *Editor) Forget(ctx context.Context) error {
	if e.db == nil {
		return nil
	}
	limit := e.now().Add(-secretsAge).UTC().Format(mail.TimeLayout)
	return e.db.Write(ctx, func(tx Tx) error {
		rows, err := tx.Where(auditTable(), "secrets", 1)
		for _, row := range rows {
			if err != nil {
				break
			}
			if t, ok := editable(row["tablename"]); ok && row["moment"] < limit {
				sealed := rowText(t.sealed(rowOf(row["cells_before"]), noSecret))
				err = tx.Update(tableAudit, idOf(row["id"]), Cells{"cells_before": sealed, "secrets": 0})
			}
		}
		return err
	})
}

// Run forgets secrets once an hour, until ctx ends.
func (e *Editor) Run(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := e.Forget(ctx); err != nil && ctx.Err() == nil {
			e.log.Warn("secrets of rows that are gone stay in the table audit for another hour", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
