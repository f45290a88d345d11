package stream

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/ledgerboard/ledgerboard/domain"
)

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
