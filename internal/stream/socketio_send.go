package stream

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

const (
	// maxInFlight limits the events in the engine's unbounded buffer for a client that does not
	// read.
	maxInFlight = 64
	// closeTimeout limits the time for the last notices of a connection that is being closed.
	closeTimeout = 2 * time.Second
	// slowAfter is how long a client may read nothing while maxInFlight events wait, before it is
	// disconnected. It can resume from its cursor.
	slowAfter = 30 * time.Second
)

// connection is the [output] of one Socket.IO client.
type connection struct {
	owner    *SocketIO
	client   *socket.Socket
	listener Listener

	stop     context.CancelFunc
	inFlight chan struct{} // one slot for each event that is not written yet
}

// stopOnDisconnect stops the connection when the client disconnects. It also watches the transport,
// because the library may lose the disconnect of a client that leaves while it is being connected.
func (c *connection) stopOnDisconnect() {
	stopped := func(...any) { c.stop() }
	_ = c.client.On("disconnect", stopped)
	_ = c.client.Conn().Once("close", stopped)
	if !c.client.Connected() || c.client.Conn().ReadyState() != "open" {
		c.stop()
	}
}

func (c *connection) run(ctx context.Context) {
	defer c.stop()
	if err := c.serve(ctx); err != nil && ctx.Err() == nil {
		c.owner.hub.cfg.Logger.Warn("notices: cannot subscribe a Socket.IO client now", "error", err.Error())
		closeConn(c.client.Conn()) // the client reconnects automatically
	}
}

// serve starts at the client's offset or, without one, at the user's stored cursor.
func (c *connection) serve(ctx context.Context) error {
	notices := c.owner.hub.notices
	place, head, err := notices.listen(ctx, c.listener)
	if err != nil {
		return err
	}
	defer notices.listeners.remove(place)
	after, known := c.owner.offset(c.client, c.listener)
	if !known {
		if after, err = notices.storedCursor(ctx, c.listener, head); err != nil {
			return err
		}
	}
	// a cursor beyond the head belongs to a log that was replaced by a restore
	after = min(after, head)
	kick(place.wake) // it may start below the head
	if c.send(ctx, placeEvent(c.listener.ParentAccount, after)) == nil {
		c.owner.hub.serve(ctx, place, &noticeFeed{source: notices, listener: c.listener, after: after}, c)
	}
	return nil
}

// send writes an event with its id as the trailing argument, which the stock client keeps as its
// offset. It blocks while too many events wait to be written.
func (c *connection) send(ctx context.Context, e event) error {
	select {
	case c.inFlight <- struct{}{}:
	case <-ctx.Done():
		return errGone
	case <-time.After(slowAfter):
		closeConn(c.client.Conn())
		return errGone
	}
	written := sync.OnceFunc(func() {
		<-c.inFlight
		if e.version > 0 {
			c.owner.hub.notices.delivered(c.listener, e.version)
		}
	})
	packet := &parser.Packet{Type: parser.EVENT, Nsp: "/", Data: []any{e.name, e.data, e.id}}
	// socket.Emit cannot report when a packet is written
	for _, encoded := range c.owner.server.Encoder().Encode(packet) {
		c.client.Conn().Write(encoded, nil, func(transports.Transport) { written() })
	}
	return nil
}

// keepAlive does nothing because the engine sends pings.
func (c *connection) keepAlive() error { return nil }

// end closes the connection after its last notices are written. If access is lost, it sends a
// disconnect packet, after which the stock client does not reconnect automatically. After an expiry
// or a stop of the server it only closes the transport: the client reconnects with its offset and,
// if it supports that, a new token.
func (c *connection) end(ctx context.Context, reason error) {
	deadline := time.NewTimer(closeTimeout)
	defer deadline.Stop()
	for range maxInFlight {
		select {
		case c.inFlight <- struct{}{}:
			continue
		case <-ctx.Done():
			return
		case <-deadline.C:
		}
		break
	}
	if errors.Is(reason, ErrAccessLost) {
		c.client.Disconnect(false)
	}
	closeConn(c.client.Conn())
}
