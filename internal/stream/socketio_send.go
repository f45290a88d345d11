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
	// maxInFlight events may wait in the engine's unbounded buffer for a client that does not read.
	maxInFlight = 64
	// farewell is how long a cut connection may take to write out its last notices.
	farewell = 2 * time.Second
	// slowAfter is how long a client may take none of maxInFlight events until it is dropped; its cursor lets
	// it go on.
	slowAfter = 30 * time.Second
)

// connection is the [output] of one Socket.IO client.
type connection struct {
	owner  *SocketIO
	client *socket.Socket
	who    Listener

	stop     context.CancelFunc
	inFlight chan struct{} // a slot for each event that is not written out yet
}

// stopWhenGone also looks at the transport: the library may lose the disconnect of a client that goes
// while it is being connected, and would leave us listening for nobody.
func (c *connection) stopWhenGone() {
	gone := func(...any) { c.stop() }
	_ = c.client.On("disconnect", gone)
	_ = c.client.Conn().Once("close", gone)
	if !c.client.Connected() || c.client.Conn().ReadyState() != "open" {
		c.stop()
	}
}

func (c *connection) run(ctx context.Context) {
	defer c.stop()
	if err := c.serve(ctx); err != nil && ctx.Err() == nil {
		c.owner.hub.cfg.Logger.Warn("notices: cannot subscribe a Socket.IO client now", "error", err.Error())
		closeConn(c.client.Conn()) // it comes back by itself
	}
}

// serve begins at the client's own offset, else at the user's stored cursor.
func (c *connection) serve(ctx context.Context) error {
	notices := c.owner.hub.notices
	place, head, err := notices.listen(ctx, c.who)
	if err != nil {
		return err
	}
	defer notices.listeners.remove(place)
	after, given := c.owner.offset(c.client, c.who)
	if !given {
		if after, err = notices.storedCursor(ctx, c.who, head); err != nil {
			return err
		}
	}
	after = min(after, head) // beyond the head it is of a log that was restored since
	kick(place.wake)         // it may begin below the head
	if c.send(ctx, placeEvent(c.who.ParentAccount, after)) == nil {
		c.owner.hub.serve(ctx, place, &noticeFeed{source: notices, who: c.who, after: after}, c)
	}
	return nil
}

// send writes an event, its id in the trailing argument that the stock client keeps as its offset. It blocks
// while too many wait to be written out.
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
			c.owner.hub.notices.delivered(c.who, e.version)
		}
	})
	packet := &parser.Packet{Type: parser.EVENT, Nsp: "/", Data: []any{e.name, e.data, e.id}}
	for _, encoded := range c.owner.server.Encoder().Encode(packet) { // socket.Emit cannot say when a packet is out
		c.client.Conn().Write(encoded, nil, func(transports.Transport) { written() })
	}
	return nil
}

// keepAlive does nothing: the engine sends pings.
func (c *connection) keepAlive() error { return nil }

// end cuts the connection after its last notices are out. Whoever lost its access is told to stay
// away: the stock client does not reconnect by itself after a disconnect packet. After an expiry or a
// stop of the server only the transport closes: the client comes back, with its offset and, if it
// knows how, a fresh token.
func (c *connection) end(ctx context.Context, reason error) {
	deadline := time.NewTimer(farewell)
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
