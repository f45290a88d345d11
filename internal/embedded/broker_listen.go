package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	maxRequestBytes = 100 << 20 // Kafka's socket.request.max.bytes
	listenTries     = 50        // 10 ms apart
)

// listenBroker opens the port of the last run, so that clients of a restarted broker find it again, else any free one.
func listenBroker(addressFile string) (net.Listener, error) {
	inner, err := net.Listener(nil), errors.New("no address of an earlier run")
	last := readLine(addressFile)
	if host, _, _ := net.SplitHostPort(last); host == loopback {
		// A child of this process between fork and exec holds a copy of the listener that was just closed.
		for range listenTries {
			if inner, err = net.Listen("tcp", last); !errors.Is(err, syscall.EADDRINUSE) {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	if err != nil {
		inner, err = net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", loopback, err)
	}
	if err := os.WriteFile(addressFile, []byte(inner.Addr().String()+"\n"), 0o600); err != nil {
		inner.Close()
		return nil, err
	}
	return brokerListener{inner}, nil
}

// brokerListener checks the first request of each connection.
type brokerListener struct{ net.Listener }

// Accept implements net.Listener.
func (l brokerListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &brokerConn{Conn: conn}, nil
}

// brokerConn checks the start of the first request before kfake sees it. kfake panics on an unknown request key and
// allocates whatever length it reads, so a browser or a port scan on this port would take the process down.
type brokerConn struct {
	net.Conn
	checked bool // touched by kfake's one reader only
	head    []byte
}

// Read implements net.Conn.
func (c *brokerConn) Read(p []byte) (int, error) {
	if !c.checked {
		head := make([]byte, 6) // length, request key
		if _, err := io.ReadFull(c.Conn, head); err != nil {
			return 0, err
		}
		size, key := binary.BigEndian.Uint32(head), int16(binary.BigEndian.Uint16(head[4:]))
		if size < 8 || size > maxRequestBytes || kmsg.RequestForKey(key) == nil {
			return 0, errors.New("refuse connection: not the Kafka protocol")
		}
		c.checked, c.head = true, head
	}
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}
