package main

import (
	"context"
	"fmt"
	"log"

	"posthoorn/internal/mail"
	"posthoorn/internal/mailauth/dkim"
)

// pen signs with the keys that messages bring.
type pen struct {
	loader *dkim.Loader
	signer *dkim.Signer
}

// newPen says what signs in the words of Posthoorn's log.
func newPen() *pen {
	engine, err := dkim.Fastest()
	must(err)
	fmt.Printf("signing with=%q\n", engine.Name())
	return &pen{dkim.NewLoader(engine, 0), dkim.NewSigner(dkim.SignerOptions{})}
}

// sign makes the signatures of a message, which go in front of its source.
func (p *pen) sign(m *mail.Message, source []byte) []byte {
	keys := p.loader.Property(m.Property("dkim"))
	if len(keys.Keys) == 0 || len(keys.Bad) > 0 {
		log.Fatalf("%d keys of a message can be used, %d cannot", len(keys.Keys), len(keys.Bad))
	}
	fields, err := p.signer.Sign(context.Background(), source, keys.Keys)
	must(err)
	return fields
}
