package e2e

import (
	"net"
	"net/textproto"
	"strings"
	"sync"
)

// listener is a receiver at the port of another address of loopback that tells how it is greeted on each connection.
func (r *rig) listener(ip string) <-chan string {
	r.t.Helper()
	l, err := net.Listen("tcp", ip+":"+r.port)
	if err != nil {
		r.t.Fatal(err)
	}
	greeted := make(chan string, 16)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { listen(c, greeted) })
		}
	})
	r.t.Cleanup(func() {
		r.stop() // ends the connections
		_ = l.Close()
		running.Wait()
	})
	return greeted
}

// listen takes the mail of one connection, the simplest way.
func listen(raw net.Conn, greeted chan<- string) {
	c := textproto.NewConn(raw)
	defer func() { _ = c.Close() }()
	for reply := "220 listener.test"; c.PrintfLine("%s", reply) == nil; {
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		reply = "250 2.0.0 Ok"
		switch verb, rest, _ := strings.Cut(line, " "); verb {
		case "EHLO":
			greeted <- rest
			reply = "250-listener.test\r\n250 ENHANCEDSTATUSCODES"
		case "QUIT":
			reply = "221 2.0.0 Bye"
		case "DATA":
			if c.PrintfLine("354 Go on") != nil {
				return
			}
			if _, err := c.ReadDotBytes(); err != nil {
				return
			}
			reply = "250 2.0.0 Ok: taken"
		}
	}
}
