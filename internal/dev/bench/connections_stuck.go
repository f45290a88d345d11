package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Listeners that come back after a long absence and do not read what they missed: half of them read
// nothing at all, half a few bytes a second. Each is owed more than the buffers on the way hold.
const (
	stuckUsers     = 20
	stuckListeners = 200
	stuckOwed      = 3000 // notices each
	stuckBuffer    = 4096 // bytes of the kernel's receive buffer
	stuckSegment   = 536  // bytes; loopback's own of 64 KiB would make the server's kernel buffer megabytes
	stuckSip       = 16   // bytes that a slow one reads at a time
	stuckSipEvery  = time.Second
	stuckDropped   = 90 * time.Second // by then the last must be dropped
)

const stuckAgency = listenAgencies // the one after those that are measured

// stuckDialer connects as from behind a thin line.
var stuckDialer = &net.Dialer{Timeout: connectWithin, Control: func(_, _ string, raw syscall.RawConn) (err error) {
	controlled := raw.Control(func(fd uintptr) {
		err = errors.Join(syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, stuckBuffer),
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, stuckSegment))
	})
	return errors.Join(controlled, err)
}}

type stuckOnes struct{ conns []net.Conn }

// fillStuck makes the history that the stuck listeners are owed.
func (w *listening) fillStuck(ctx context.Context) error {
	c := w.chains.list[stuckAgency]
	all := make([]string, stuckUsers)
	for i := range all {
		all[i] = listenUser(stuckAgency, i)
	}
	drafts := make([]domain.Draft, 0, 2*stuckOwed)
	begun := time.Now().UTC().Truncate(time.Microsecond).Add(-time.Minute)
	for i := range 2 * stuckOwed {
		users, lost := all, []string(nil)
		if i%2 == 1 {
			users, lost = []string{}, all
		}
		draft, err := c.change(w.log, begun.Add(time.Duration(i)*time.Microsecond), []string{listenAccount(stuckAgency)}, users, lost)
		if err != nil {
			return err
		}
		drafts = append(drafts, draft)
	}
	if err := w.log.AppendBulk(ctx, drafts); err != nil {
		return fmt.Errorf("fill the log: %w", err)
	}
	return nil
}

func (w *listening) connectStuck(ctx context.Context, kind listenerKind) (*stuckOnes, error) {
	s := &stuckOnes{}
	cursor := w.chains.list[stuckAgency].key + ".0"
	for i := range stuckListeners {
		token, err := w.server.token(listenUser(stuckAgency, i%stuckUsers), listenAccount(stuckAgency))
		if err != nil {
			return nil, err
		}
		var conn net.Conn
		if kind == webSockets {
			socket, err := dialSocket(ctx, stuckDialer, w.server.addr, map[string]string{"token": token, "offset": cursor})
			if err != nil {
				return nil, err
			}
			conn = socket.NetConn()
		} else if conn, err = dialStream(ctx, stuckDialer, w.server.addr, token, cursor); err != nil {
			return nil, err
		}
		s.conns = append(s.conns, conn)
		if i%2 == 0 {
			go sip(conn)
		}
	}
	return s, nil
}

// sip reads slowly until the connection ends.
func sip(conn io.Reader) {
	for {
		if _, err := conn.Read(make([]byte, stuckSip)); err != nil {
			return
		}
		time.Sleep(stuckSipEvery)
	}
}

// dropped waits for the server to have ended the connections and counts them. What is still in the
// buffers can be read; a connection that is not dropped would never come to an end.
func (s *stuckOnes) dropped() int {
	count := 0
	until := time.Now().Add(stuckDropped)
	time.Sleep(time.Until(until) / 2) // reading earlier would help them out
	for _, conn := range s.conns {
		conn.SetReadDeadline(until) //nolint:errcheck // a closed connection is what is looked for
		_, err := io.Copy(io.Discard, conn)
		if timeout, isNet := err.(net.Error); !isNet || !timeout.Timeout() { //nolint:errorlint // as the connection returned it
			count++
		}
		conn.Close()
	}
	return count
}
