package console

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// cards are what browsers keep after a login, and show at the next one: who has been here before is not kept out by what others of
// its address get wrong, who may all come by way of one proxy. A card opens nothing. It is worth something until the program ends.
type cards struct{ key [32]byte }

func newCards() *cards {
	c := &cards{}
	_, _ = rand.Read(c.key[:]) // never fails
	return c
}

// issue makes a card for a browser of a user.
func (c *cards) issue(user string) string {
	id := rand.Text() + "." + c.mac("user", user)
	return id + "." + c.mac("card", id)
}

// genuine says that we have made a card.
func (c *cards) genuine(card string) bool {
	i := strings.LastIndexByte(card, '.')
	return i > 0 && same(card[i+1:], c.mac("card", card[:i]))
}

// of is what tells the browser of a card from others, if the card is of this user; else it is empty.
func (c *cards) of(card, user string) string {
	if !c.genuine(card) {
		return ""
	}
	id, tag, _ := strings.Cut(card[:strings.LastIndexByte(card, '.')], ".")
	if !same(tag, c.mac("user", user)) {
		return ""
	}
	return id
}

func (c *cards) mac(kind, text string) string {
	h := hmac.New(sha256.New, c.key[:])
	_, _ = h.Write([]byte(kind + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

const cardAge = 90 * 24 * 60 * 60 // seconds

func (s *Server) cardName(r *http.Request) string { return s.cookieName(r) + "-known" }

// card is that of the browser; empty: it has none.
func (s *Server) card(r *http.Request) string {
	c, err := r.Cookie(s.cardName(r))
	if err != nil {
		return ""
	}
	return c.Value
}

// giveCard has the browser of a user known from now on.
func (s *Server) giveCard(c *call, user string) {
	card := s.cookie(c.Request, s.cards.issue(user))
	card.Name, card.MaxAge = s.cardName(c.Request), cardAge
	http.SetCookie(c.w, card)
}
