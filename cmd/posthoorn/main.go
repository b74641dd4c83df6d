// Command posthoorn is the mail transfer agent: the daemon, the sendmail replacement and the operator's commands.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"posthoorn/internal/app"
)

// version is set when the program is built.
var version = "unknown"

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	signal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more must not end the program
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	go func() {
		<-stop
		cancel()
		<-stop // a second signal ends at once
		os.Exit(1)
	}()
	os.Exit(app.Run(ctx, app.Program{
		Args: os.Args[1:], Name: os.Args[0], Version: version, Environ: os.Environ(),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Reload: reload,
	}))
}
