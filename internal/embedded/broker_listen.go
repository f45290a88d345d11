package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/internal/durable"
)

const (
	addressFileName = "address"
	maxRequestBytes = 100 << 20 // Kafka's socket.request.max.bytes
)

// listenBroker opens the port. It first tries the address of the last run, so that clients of a restarted broker find it
// again; that port may be taken by now, and then any free one will do.
func listenBroker(addressFile string) (*brokerListener, error) {
	inner, err := net.Listener(nil), errors.New("no address of an earlier run")
	last := readLine(addressFile)
	if host, _, _ := net.SplitHostPort(last); host == loopback {
		poll(context.Background(), forkWindow, func() bool { // it may be our own of just now, in a child between fork and exec
			inner, err = net.Listen("tcp", last)
			return !errors.Is(err, syscall.EADDRINUSE)
		})
	}
	if err != nil {
		inner, err = net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", loopback, err)
	}
	if err := durable.ReplaceFile(addressFile, []byte(inner.Addr().String()+"\n"), 0o600); err != nil {
		inner.Close()
		return nil, err
	}
	return &brokerListener{Listener: inner}, nil
}

// brokerListener counts its connections, so that Close can wait for their end, and guards the first request of each.
type brokerListener struct {
	net.Listener
	open atomic.Int64
}

// Accept implements net.Listener.
func (l *brokerListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.open.Add(1)
	return &brokerConn{Conn: conn, closed: func() { l.open.Add(-1) }}, nil
}

// brokerConn checks the start of the first request before kfake sees it. kfake panics on an unknown request key and
// allocates whatever length it reads, so a browser or a port scan on this port would take the process down.
type brokerConn struct {
	net.Conn
	checked bool // touched by kfake's one reader only
	head    []byte
	once    sync.Once
	closed  func()
}

// Read implements net.Conn.
func (c *brokerConn) Read(p []byte) (int, error) {
	if !c.checked {
		if err := c.checkFirstRequest(); err != nil {
			return 0, err
		}
	}
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

func (c *brokerConn) checkFirstRequest() error {
	head := make([]byte, 6) // length, request key
	if _, err := io.ReadFull(c.Conn, head); err != nil {
		return err
	}
	size, key := binary.BigEndian.Uint32(head), int16(binary.BigEndian.Uint16(head[4:]))
	if size < 8 || size > maxRequestBytes || kmsg.RequestForKey(key) == nil {
		return errors.New("refuse connection: not the Kafka protocol")
	}
	c.checked, c.head = true, head
	return nil
}

// Close implements net.Conn; kfake closes each connection twice.
func (c *brokerConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.closed)
	return err
}
