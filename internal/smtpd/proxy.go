package smtpd

import (
	"time"

	proxyproto "github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"
)

const proxyWait = 10 * time.Second

// readProxy takes the PROXY header (versions 1 and 2) that peers of smtp-proxy must send before anything else, and nobody else
// may: from then on the addresses in it count, and TLS that the peer says it has ended for the client. A header without addresses
// (LOCAL, UNKNOWN) leaves those of the connection.
func (s *Server) readProxy(c *conn) error {
	if !contains(s.opts.Proxy, c.remote.Addr()) {
		return nil
	}
	p := proxyproto.NewConn(c.Conn, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(proxyWait))
	header := p.ProxyHeader()
	if header == nil {
		_, err := p.Read(nil) // says why
		return err
	}
	c.Conn = p
	if from, to, ok := header.TCPAddrs(); ok && !header.Command.IsLocal() {
		c.remote, c.local, c.secured = addrPort(from), addrPort(to), endedTLS(header)
	}
	return nil
}

// endedTLS says that a peer has ended TLS of a client (PP2_TYPE_SSL of version 2).
func endedTLS(header *proxyproto.Header) bool {
	more, err := header.TLVs()
	if err != nil {
		return false
	}
	tls, ok := tlvparse.FindSSL(more)
	return ok && tls.ClientSSL()
}
