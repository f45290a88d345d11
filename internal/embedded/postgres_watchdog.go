package embedded

import (
	"fmt"
	"io"
	"os"
	"strconv"
)

// watchdog is a shell that outlives us when we are killed: it waits on a pipe of which we hold the only writing end.
// A line means that the server has ended; end of file means that we are dead, and it asks the server for a fast
// shutdown. It works on every Unix, where the death signal is Linux only.
type watchdog struct {
	ended chan struct{}
}

const watchdogScript = `read line <&3 && exit 0; kill -INT "$1" 2>/dev/null`

func startWatchdog(acct account, server *process) (*watchdog, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open watchdog pipe: %w", err)
	}
	shell := command{
		acct: acct, name: "/bin/sh", files: []*os.File{reader},
		args: []string{"-c", watchdogScript, "ledgerboard-postgres-watchdog", strconv.Itoa(server.pid())},
	}
	p, err := shell.start(nil, 0)
	if err != nil {
		writer.Close()
		return nil, err
	}
	w := &watchdog{ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		<-server.exited // dismissed at once: that pid may be another's soon
		_, _ = io.WriteString(writer, "done\n")
		writer.Close()
		<-p.exited
	}()
	return w, nil
}

// wait returns when the watchdog is gone, which needs the server to be gone.
func (w *watchdog) wait() {
	if w != nil {
		<-w.ended
	}
}
