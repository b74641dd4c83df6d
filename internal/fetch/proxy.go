package fetch

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"golang.org/x/net/proxy"
)

// tunnel connects to an address through the proxy: by CONNECT (RFC 9110 section 9.3.6) or by SOCKS 5 (RFC 1928). The proxy
// is told the address, never the name, so that it cannot find another.
func (d *dialer) tunnel(ctx context.Context, target netip.AddrPort) (net.Conn, error) {
	if d.proxy.Scheme != "http" {
		return d.socks(ctx, target)
	}
	conn, err := d.reach(ctx, "tcp", d.proxy.Host)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = ask(conn, target.String(), d.proxy.User)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, throughProxy(err)
	}
	return conn, nil
}

// withPort gives a proxy the port that is usual for its kind, if it has none.
func withPort(u *url.URL) *url.URL {
	if u == nil || u.Port() != "" {
		return u
	}
	port := "1080"
	if u.Scheme == "http" {
		port = "80"
	}
	v := *u
	v.Host = net.JoinHostPort(u.Hostname(), port)
	return &v
}

func throughProxy(err error) error { return fmt.Errorf("the proxy for downloads: %w", err) }

// reach connects to the proxy itself, which the operator has chosen: it may be anywhere.
func (d *dialer) reach(ctx context.Context, network, target string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return nil, throughProxy(err)
	}
	addrs, err := d.lookup(ctx, host)
	if err != nil {
		return nil, throughProxy(err)
	}
	for _, addr := range addrs {
		var conn net.Conn
		if conn, err = new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(addr.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, throughProxy(err)
}

// ask makes a connection to an HTTP proxy a tunnel.
func ask(conn net.Conn, target string, user *url.Userinfo) error {
	head := "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n"
	if user != nil {
		password, _ := user.Password()
		head += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"); err != nil {
		return err
	}
	r := bufio.NewReader(io.LimitReader(conn, 16<<10))
	answer, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	switch {
	case err != nil:
		return err
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("it does not connect to %s (status %d)", target, answer.StatusCode)
	case r.Buffered() > 0:
		return errors.New("it speaks before it is asked")
	}
	return nil
}

func (d *dialer) socks(ctx context.Context, target netip.AddrPort) (net.Conn, error) {
	var auth *proxy.Auth
	if u := d.proxy.User; u != nil {
		password, _ := u.Password()
		auth = &proxy.Auth{User: u.Username(), Password: password}
	}
	through, err := proxy.SOCKS5("tcp", d.proxy.Host, auth, reacher{d})
	if err != nil {
		return nil, throughProxy(err)
	}
	conn, err := through.(proxy.ContextDialer).DialContext(ctx, "tcp", target.String())
	if err != nil {
		return nil, throughProxy(err)
	}
	return conn, nil
}

// reacher lets the SOCKS client connect to its proxy.
type reacher struct{ d *dialer }

func (r reacher) Dial(network, target string) (net.Conn, error) {
	return r.DialContext(context.Background(), network, target)
}

func (r reacher) DialContext(ctx context.Context, network, target string) (net.Conn, error) {
	return r.d.reach(ctx, network, target)
}
