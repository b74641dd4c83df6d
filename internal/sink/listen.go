package sink

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *Server) listen() error {
	for _, text := range s.opts.Addresses {
		addresses, err := expand(text)
		if err != nil {
			return err
		}
		for _, a := range addresses {
			l, err := net.Listen("tcp", a)
			if err != nil {
				return err
			}
			s.listeners = append(s.listeners, l)
		}
	}
	return nil
}

// expand writes 127.0.0.1-3:25 as three addresses.
func expand(address string) ([]string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	first, last, many := strings.Cut(host, "-")
	dot := strings.LastIndexByte(first, '.')
	if !many || dot < 0 {
		return []string{address}, nil
	}
	from, err1 := strconv.Atoi(first[dot+1:])
	to, err2 := strconv.Atoi(last)
	if err1 != nil || err2 != nil || from < 0 || to > 255 || from > to {
		return nil, fmt.Errorf("%q is no range of addresses", address)
	}
	var list []string
	for i := from; i <= to; i++ {
		list = append(list, net.JoinHostPort(first[:dot+1]+strconv.Itoa(i), port))
	}
	return list, nil
}

// extensions is the answer to EHLO.
func (s *Server) extensions(startTLS bool) (reply []byte) {
	lines := []string{s.opts.Hostname}
	for _, name := range []string{"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"} {
		without := slices.ContainsFunc(s.opts.Without, func(w string) bool { return strings.EqualFold(w, name) })
		switch {
		case without:
		case name == "SIZE":
			lines = append(lines, fmt.Sprint("SIZE ", s.opts.MaxSize))
		default:
			lines = append(lines, name)
		}
	}
	if startTLS {
		lines = append(lines, "STARTTLS")
	}
	for i, line := range lines {
		sign := "-"
		if i == len(lines)-1 {
			sign = " "
		}
		reply = append(reply, "250"+sign+line+"\r\n"...)
	}
	return reply
}

// selfSigned makes a certificate for the time of a trial.
func selfSigned(hostname string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: hostname},
		DNSNames: []string{hostname}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, nil
}
