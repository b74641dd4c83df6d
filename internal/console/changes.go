package console

import (
	"strconv"

	"posthoorn/internal/settings"
)

type changesAnswer struct {
	Changes []settings.Change `json:"changes"`
	Next    int64             `json:"next,omitempty"` // for before, of the next page
}

func getChanges(c *call, e Editor) (any, error) {
	limit, err := c.number("limit", 50, 500)
	if err != nil {
		return nil, err
	}
	before := int64(0)
	if text := c.param("before"); text != "" {
		if before, err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, badField("before", "%.30q is no number of a change", text)
		}
	}
	list, err := e.Changes(c.Context(), before, limit)
	if err != nil {
		return nil, err
	}
	a := changesAnswer{Changes: list}
	if list == nil {
		a.Changes = []settings.Change{}
	}
	if len(list) == limit {
		a.Next = list[limit-1].ID
	}
	return a, nil
}

func undoChange(c *call, e Editor) (any, error) {
	id, err := c.id()
	if err == nil {
		err = c.empty()
	}
	if err != nil {
		return nil, err
	}
	a := rowAnswer{}
	a.Change, err = e.Undo(c.Context(), c.caller.who(), id)
	return a.made(c, e, &a, err)
}
