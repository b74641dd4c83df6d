package console

import "posthoorn/internal/settings"

type matchAnswer struct {
	Match bool   `json:"match"`
	Error string `json:"error"`
}

// mostTried is how long a text may be that a pattern is tried on, and the pattern, in bytes: answers of servers are shorter. The time
// that it takes is the product of both.
const mostTried = 10_000

// testPattern tries a pattern as the settings would read it.
func (s *Server) testPattern(c *call) (any, error) {
	var in struct {
		Type    string `json:"type"`
		Pattern string `json:"pattern"`
		Text    string `json:"text"`
	}
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if len(in.Text) > mostTried {
		return nil, badField("text", "is longer than %d bytes", mostTried)
	}
	if len(in.Pattern) > mostTried {
		return nil, badField("pattern", "is longer than %d bytes", mostTried)
	}
	match, err := settings.MatchPattern(in.Type, in.Pattern, in.Text)
	if err != nil {
		return matchAnswer{Error: err.Error()}, nil
	}
	return matchAnswer{Match: match}, nil
}
