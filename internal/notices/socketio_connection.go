package notices

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

const (
	// CursorEvent carries the place at which a connection begins, in the trailing argument that the
	// stock client keeps as its offset. Without it a client that is cut before its first notice would
	// come back without an offset. Frontends do not listen for it.
	CursorEvent = "notice_cursor"
	// maxInFlight notices may wait in the engine's unbounded buffer for a client that does not read.
	maxInFlight = 64
	// farewell is how long a cut connection may take to write out its last notices.
	farewell = 2 * time.Second
)

// connection delivers to one Socket.IO client.
type connection struct {
	owner  *SocketIO
	client *socket.Socket
	who    Subscriber

	stop     context.CancelFunc
	inFlight chan struct{} // a slot for each notice that is not written out yet
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
	subscription, err := c.subscribe(ctx)
	if ctx.Err() != nil && err != nil {
		return
	}
	if err != nil {
		c.owner.cfg.Logger.Warn("notices: cannot subscribe a Socket.IO client now", "error", err.Error())
		closeConn(c.client.Conn()) // it comes back by itself
		return
	}
	defer subscription.Close()
	c.emit(nil, CursorEvent, map[string]any{}, FormatID(c.who.ParentAccount, subscription.Start))
	for {
		select {
		case <-ctx.Done():
			return
		case n, open := <-subscription.Notices():
			if !open {
				c.cut(ctx, subscription.Reason())
				return
			}
			if !c.deliver(ctx, n) {
				return
			}
		}
	}
}

func (c *connection) subscribe(ctx context.Context) (*Subscription, error) {
	after, given := offset(c.client, c.who)
	if !given {
		var err error
		if after, err = c.owner.hub.storedCursor(ctx, c.who); err != nil {
			return nil, err
		}
	}
	return c.owner.hub.Subscribe(ctx, c.who, after)
}

// deliver writes a notice; it blocks while too many wait to be written out, so that the hub sees a
// slow client as one.
func (c *connection) deliver(ctx context.Context, n Notice) bool {
	select {
	case c.inFlight <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	written := sync.OnceFunc(func() {
		<-c.inFlight
		c.owner.hub.delivered(c.who, n.Version)
	})
	c.emit(written, EventName, map[string]any{"user_id": n.UserID}, n.ID())
	return true
}

// emit sends an event to this client alone. It goes past socket.Emit, which cannot say when a packet
// has been written out.
func (c *connection) emit(written func(), event string, args ...any) {
	packet := &parser.Packet{Type: parser.EVENT, Nsp: "/", Data: append([]any{event}, args...)}
	for _, encoded := range c.owner.server.Encoder().Encode(packet) {
		c.write(encoded, written)
	}
}

func (c *connection) write(encoded types.BufferInterface, written func()) {
	if written == nil {
		c.client.Conn().Write(encoded, nil, nil)
		return
	}
	c.client.Conn().Write(encoded, nil, func(transports.Transport) { written() })
}

// cut ends the connection after its last notices are out. Whoever lost its access is told to stay
// away: the stock client does not reconnect by itself after a disconnect packet. After an expiry or a
// stop of the server only the transport closes: the client comes back, with its offset and, if it
// knows how, a fresh token.
func (c *connection) cut(ctx context.Context, reason error) {
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
