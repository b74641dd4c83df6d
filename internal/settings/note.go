package settings

import (
	"context"
	"fmt"
)

// Note keeps what somebody did with mail among the changes: an action such as retry, and facts about it. Without a database it does
// nothing.
func (e *Editor) Note(ctx context.Context, who string, action Action, facts Cells) error {
	if e.db == nil {
		return nil
	}
	c := Change{Table: MailOrder, Action: action, after: Row{}}
	for name, value := range facts {
		c.after[name] = fmt.Sprint(value)
	}
	return e.db.Write(ctx, func(tx Tx) error { return e.note(tx, who, []Change{c}) })
}
