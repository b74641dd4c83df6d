package main

import (
	"context"
	"fmt"

	"github.com/coder/websocket"
)

// openMonitor is a browser that has the SMTP monitor of a console open, with all dialogues, and reads as fast as it can.
func openMonitor(console string) (stop func(), err error) {
	ctx, cancel := context.WithCancel(context.Background())
	c, _, err := websocket.Dial(ctx, "ws://"+console+"/api/v1/monitor", nil)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("the monitor of the console: %w", err)
	}
	c.SetReadLimit(1 << 20)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for err := error(nil); err == nil; {
			_, _, err = c.Read(ctx)
		}
	}()
	return func() {
		cancel()
		<-done
	}, nil
}
