package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	maxMessageBytes = 64 << 10         // a client sends its token and heartbeats, nothing larger
	authTimeout     = 10 * time.Second // unless the hub is told otherwise
	pingInterval    = 25 * time.Second
	pingTimeout     = 20 * time.Second
)

// SocketIO serves the existing frontends' Socket.IO v4 client. Its path is /socket.io/.
type SocketIO struct {
	hub    *Hub
	prove  Authenticate
	server *socket.Server
	engine http.Handler
	polls  pendingPolls

	mu     sync.Mutex
	closed bool
	open   map[string]*connection // by the id of the engine's session
	active sync.WaitGroup         // one for each connection's goroutine
}

// NewSocketIO returns the handler; [SocketIO.Close] ends it.
func NewSocketIO(hub *Hub, prove Authenticate) (*SocketIO, error) {
	s := &SocketIO{hub: hub, prove: prove, polls: pendingPolls{of: map[string][]*pendingPoll{}}, open: map[string]*connection{}}
	s.server = socket.NewServer(nil, serverOptions(hub.cfg.AuthTimeout))
	s.server.Use(s.authenticate)
	if err := s.server.On("connection", s.connected); err != nil {
		return nil, fmt.Errorf("listen for connections: %w", err)
	}
	s.engine = s.server.ServeHandler(nil)
	s.server.Engine().Use(armed)
	if err := s.server.Engine().On("connection", s.answerWhenClosed); err != nil {
		return nil, fmt.Errorf("listen for sessions: %w", err)
	}
	return s, nil
}

func serverOptions(authTimeout time.Duration) *socket.ServerOptions {
	recovery := socket.DefaultConnectionStateRecovery()
	// Recovery is on only because the stock client keeps an offset when the server gives it a private
	// session id. Middlewares are never skipped: a recovered session must prove its token again. And
	// the adapter is the plain one: the session-aware one would restore rooms and appends offsets of
	// its own to every packet, in the place where ours belong.
	recovery.SetSkipMiddlewares(false)
	options := socket.DefaultServerOptions()
	options.SetConnectionStateRecovery(recovery)
	options.SetAdapter(&socket.AdapterBuilder{})
	options.SetServeClient(false)
	options.SetConnectTimeout(authTimeout)
	options.SetMaxHttpBufferSize(maxMessageBytes)
	options.SetPingInterval(pingInterval)
	options.SetPingTimeout(pingTimeout)
	options.SetTransports(types.NewSet[transports.TransportCtor](
		&endingTransports{engine.Polling, time.Second}, // the client says goodbye in a request that is still to be answered
		&endingTransports{engine.WebSocket, 0},
	))
	return options
}

// ServeHTTP implements [http.Handler].
func (s *SocketIO) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed && r.URL.Query().Get("sid") == "" { // a present client must still fetch its goodbye
		w.Header().Set("Connection", "close")
		http.Error(w, ErrClosed.Message, http.StatusServiceUnavailable)
		return
	}
	s.serveEngine(w, r)
}

// Listener is who opened the connection that a request belongs to, a poll or an upgrade; false while nobody has proven to.
func (s *SocketIO) Listener(r *http.Request) (who Listener, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, known := s.open[r.URL.Query().Get("sid")]
	if known {
		who = c.who
	}
	return who, known
}

// Close ends all connections: their clients see the transport close, and reconnect by themselves.
func (s *SocketIO) Close() {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	s.mu.Unlock()
	if !already {
		s.closeTransports()
		s.server.Close(nil)
	}
	s.active.Wait()
}

// closeTransports closes all at once: a client that takes its time holds up no other.
func (s *SocketIO) closeTransports() {
	var closing sync.WaitGroup
	s.server.Engine().Clients().Range(func(_ string, conn engine.Socket) bool {
		closing.Go(func() { closeConn(conn) })
		return true
	})
	closing.Wait()
}

// offset is the notice id that the stock client last saw and sends back, as a cursor.
func (s *SocketIO) offset(client *socket.Socket, who Listener) (version int64, given bool) {
	id, _ := client.Handshake().Auth["offset"].(string)
	parent, version, ok := ParseID(id)
	return version, ok && parent == who.ParentAccount // another server's or agency's offset says nothing here
}

// connected starts the delivery to a connection that has passed authenticate.
func (s *SocketIO) connected(args ...any) {
	client, ok := args[0].(*socket.Socket)
	if !ok {
		return
	}
	who, ok := client.Data().(Listener)
	if !ok {
		client.Disconnect(true)
		return
	}
	client.Join(socket.Room(who.UserID))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return // Close closes the transport
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &connection{owner: s, client: client, who: who, stop: stop, inFlight: make(chan struct{}, maxInFlight)}
	c.stopWhenGone()
	session := client.Conn().Id()
	s.open[session] = c
	s.active.Go(func() {
		c.run(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[session] == c { // and not one that was opened over it
			delete(s.open, session)
		}
	})
}

// Authenticate proves who opens a Socket.IO connection: token is that of the client's auth payload, or "" when
// it gave none; r is the request that opened the connection, with its headers. Errors with a code of
// the caller's fault refuse the connection for good; others make the client try again.
type Authenticate func(r *http.Request, token string) (Listener, error)

// authenticate is the middleware that every connection, a recovered one too, passes.
func (s *SocketIO) authenticate(client *socket.Socket, next func(*socket.ExtendedError)) {
	token, _ := client.Handshake().Auth["token"].(string)
	who, err := s.prove(handshakeRequest(client), token)
	if err == nil {
		client.SetData(who)
		next(nil)
		return
	}
	var known *domain.Error
	if !errors.As(err, &known) || slices.Contains([]domain.Code{domain.CodeUnavailable, domain.CodeInternal, domain.CodeRateLimited}, known.Code) {
		// The stock client gives up for good on a refusal, and tries again on a closed transport: a
		// server that is still starting must not lose its listeners, nor one that counts requests.
		s.hub.cfg.Logger.Debug("notices: cannot authenticate a Socket.IO client now", "error", err.Error())
		go func() {
			closeConn(client.Conn())
			next(socket.NewExtendedError(errNotReady.Message, nil)) // frees the socket; nobody is there to hear it
		}()
		return
	}
	next(socket.NewExtendedError(known.Message, map[string]any{"code": string(known.Code), "message": known.Message}))
}

// handshakeRequest is the request that opened the connection. It has ended long since for a client
// that upgraded, and its context with it; the values in it still hold.
func handshakeRequest(client *socket.Socket) *http.Request {
	r := client.Request().Request()
	return r.Clone(context.WithoutCancel(r.Context()))
}
