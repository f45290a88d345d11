package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	maxMessageBytes = 64 << 10         // clients send only tokens and heartbeats
	maxUnreadBytes  = 256 << 10        // of a message that is too long, as net/http reads it
	authTimeout     = 10 * time.Second // default of Config.AuthTimeout
	pingInterval    = 25 * time.Second
	pingTimeout     = 20 * time.Second
)

// SocketIO serves the Socket.IO v4 client of the existing frontends at the path /socket.io/.
type SocketIO struct {
	hub           *Hub
	authenticator Authenticate
	server        *socket.Server
	engine        http.Handler

	mu     sync.Mutex
	closed bool
	open   map[string]*connection // by session id of the engine
	active sync.WaitGroup         // counts the goroutines of connections
}

// NewSocketIO returns a handler. The caller must call [SocketIO.Close].
func NewSocketIO(hub *Hub, authenticator Authenticate) (*SocketIO, error) {
	s := &SocketIO{
		hub: hub, authenticator: authenticator,
		open: map[string]*connection{},
	}
	s.server = socket.NewServer(nil, serverOptions(hub.cfg.AuthTimeout))
	s.server.Use(s.authenticate)
	if err := s.server.On("connection", s.connected); err != nil {
		return nil, fmt.Errorf("listen for connections: %w", err)
	}
	s.engine = s.server.ServeHandler(nil)
	return s, nil
}

func serverOptions(authTimeout time.Duration) *socket.ServerOptions {
	recovery := socket.DefaultConnectionStateRecovery()
	// Recovery is enabled only because the stock client keeps an offset if the server assigns a
	// private session id. A recovered session must authenticate again. The session-aware adapter
	// would restore rooms and append its own offset to every packet in place of the notice id.
	recovery.SetSkipMiddlewares(false)
	options := socket.DefaultServerOptions()
	options.SetConnectionStateRecovery(recovery)
	options.SetAdapter(&socket.AdapterBuilder{})
	options.SetServeClient(false)
	options.SetConnectTimeout(authTimeout)
	options.SetMaxHttpBufferSize(maxMessageBytes)
	options.SetPingInterval(pingInterval)
	options.SetPingTimeout(pingTimeout)
	return options
}

// ServeHTTP implements [http.Handler].
func (s *SocketIO) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	// existing clients must still receive the close packet
	if closed && r.URL.Query().Get("sid") == "" {
		w.Header().Set("Connection", "close")
		http.Error(w, ErrClosed.Message, http.StatusServiceUnavailable)
		return
	}
	s.serveEngine(w, r)
}

// Listener returns the caller of the connection that a polling or upgrade request belongs to. It
// returns false before the caller is authenticated.
func (s *SocketIO) Listener(r *http.Request) (listener Listener, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, known := s.open[r.URL.Query().Get("sid")]
	if known {
		listener = c.listener
	}
	return listener, known
}

// Close closes all transports, so that clients reconnect automatically.
func (s *SocketIO) Close() {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	s.mu.Unlock()
	if !already {
		s.server.Close(nil)
	}
	s.active.Wait()
}

func (s *SocketIO) connected(args ...any) {
	client, ok := args[0].(*socket.Socket)
	if !ok {
		return
	}
	listener, ok := client.Data().(Listener)
	if !ok {
		client.Disconnect(true)
		return
	}
	client.Join(socket.Room(listener.UserID))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		client.Conn().Close(true)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &connection{
		owner: s, client: client, listener: listener, stop: stop, inFlight: make(chan struct{}, maxInFlight),
	}
	c.stopOnDisconnect()
	session := client.Conn().Id()
	s.open[session] = c
	s.active.Go(func() {
		c.run(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[session] == c { // unless another connection has replaced it
			delete(s.open, session)
		}
	})
}

// Authenticate authenticates the caller of a Socket.IO connection. The token comes from the
// client's auth payload and is empty if it has no token; r is the request that opened the
// connection. An error caused by the caller refuses the connection permanently; after other errors
// the client tries again.
type Authenticate func(r *http.Request, token string) (Listener, error)

// authenticate is the middleware of every connection, including recovered ones.
func (s *SocketIO) authenticate(client *socket.Socket, next func(*socket.ExtendedError)) {
	token, _ := client.Handshake().Auth["token"].(string)
	// The request of an upgraded client is finished and its context is canceled, but the values of
	// the context are still valid.
	r := client.Request().Request()
	listener, err := s.authenticator(r.Clone(context.WithoutCancel(r.Context())), token)
	if err == nil {
		client.SetData(listener)
		next(nil)
		return
	}
	temporary := []domain.Code{domain.CodeUnavailable, domain.CodeInternal, domain.CodeRateLimited}
	var known *domain.Error
	if !errors.As(err, &known) || slices.Contains(temporary, known.Code) {
		// The stock client gives up after a refusal but retries after a closed transport. A
		// starting server, or one that limits requests, must not lose its listeners.
		s.hub.cfg.Logger.Debug("notices: cannot authenticate a Socket.IO client now", "error", err.Error())
		go func() {
			client.Conn().Close(true)
			// frees the socket; no client receives this
			next(socket.NewExtendedError(errNotReady.Message, nil))
		}()
		return
	}
	next(socket.NewExtendedError(known.Message, map[string]any{"code": string(known.Code), "message": known.Message}))
}
