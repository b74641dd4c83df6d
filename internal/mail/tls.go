package mail

import "time"

// Cipher describes the encryption of a connection (results-json.md section 8). Build one per connection: its text is kept.
type Cipher struct {
	Name    string // OpenSSL style
	Bits    int    // secret bits in use
	AlgBits int    // bits of the algorithm
	Version string // negotiated protocol, such as TLSv1.3
	ID      int    // IANA number

	text []byte
}

// JSON is the object's text, made once.
func (c *Cipher) JSON() []byte {
	if c.text == nil {
		c.text = (&Object{}).String("name", c.Name).Int("bits", int64(c.Bits)).Int("algbits", int64(c.AlgBits)).
			String("version", c.Version).Int("id", int64(c.ID)).Bytes()
	}
	return c.text
}

// Name is who a certificate speaks of, or who signed it.
type Name struct{ Common, Country, Locality, State, Organization string }

func (n Name) fill(o *Object) {
	o.Optional("common", n.Common).Optional("country", n.Country).Optional("locality", n.Locality).
		Optional("state", n.State).Optional("organization", n.Organization)
}

// Certificate describes what the remote server showed (results-json.md section 8). Build one per connection.
type Certificate struct {
	NotBefore, NotAfter time.Time
	Version             int
	Verified            bool
	Verification        string // "ok" when good
	KeyUsage            int    // bit mask
	SelfSigned          bool
	Subject, Issuer     Name
	AltNames            []string

	text []byte
}

// JSON is the object's text, made once.
func (c *Certificate) JSON() []byte {
	if c.text == nil {
		c.text = (&Object{}).Time("notbefore", c.NotBefore).Time("notafter", c.NotAfter).Int("version", int64(c.Version)).
			Bool("verified", c.Verified).String("result", c.Verification).Int("keyusage", int64(c.KeyUsage)).
			Bool("self-signed", c.SelfSigned).Object("subject", c.Subject.fill).Object("issuer", c.Issuer.fill).
			Strings("altnames", c.AltNames).Bytes()
	}
	return c.text
}
