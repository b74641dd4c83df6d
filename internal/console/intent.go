package console

import (
	"errors"
	"fmt"

	"posthoorn/internal/settings"
	"posthoorn/internal/stats"
)

// intent is something that somebody may want to do with the mail of a destination.
type intent struct {
	Action string `json:"action"`
	Reason string `json:"reason"` // of fail
	IP     string `json:"ip"`     // of move
}

// previewAction says what an action would find, and touches none of it.
func (s *Server) previewAction(c *call) (any, error) {
	key, err := s.destination(c)
	if err != nil {
		return nil, err
	}
	var in intent
	if err := c.body(&in); err != nil {
		return nil, err
	}
	text, err := s.intended(&in)
	if p, ok := errors.AsType[*problem](err); ok && p.field != "action" {
		return previewAnswer{Problem: p.text, Field: p.field}, nil
	}
	if err != nil {
		return nil, err
	}
	mail, err := s.p.Operator.Mail(c.Context(), key)
	if err != nil {
		return nil, err
	}
	if s.paused(stats.Selection{Domain: key}) && in.Action != "fail" {
		text += " Its deliveries are paused: nothing leaves before that ends."
	}
	a := &effectAnswer{
		Text: text, Messages: mail.Memory + mail.Waiting, Destinations: []string{}, Final: settings.ErrFinal.Error(),
		held: held{Memory: &mail.Memory, Parked: &mail.Waiting, Oldest: mail.Since.UTC()},
	}
	if a.Messages > 0 {
		a.Destinations = append(a.Destinations, key)
	}
	return previewAnswer{Effect: a}, nil
}

// intended is an action in words, or what is wrong with it.
func (s *Server) intended(in *intent) (string, error) {
	switch in.Action {
	case "retry":
		return "What waits for its time is tried at once, as fast as limits allow. A server that is offline is tried again.", nil
	case "fail":
		if err := goodReason(in.Reason); err != nil {
			return "", err
		}
		return "All that is not in transaction becomes a final failure. The reason stands in the results, and senders who asked for it are told.", nil
	case "move":
		ip, err := s.goodAddress(in.IP)
		return fmt.Sprintf("All that is not in transaction leaves from %s from now on, also when it is tried again.", ip), err
	}
	return "", badField("action", "is one of retry, fail and move")
}
