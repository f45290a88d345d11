package pg_test

import (
	"context"
	"net"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

// pooler acts as a pooler between clients and the server: it answers startup messages itself and
// assigns sessions.
type pooler struct {
	t           *testing.T
	server      *pgconn.Config
	refusesPath bool // it does not know the startup parameter
	dropsPath   bool // it accepts the startup parameter and drops it
	perSession  bool // a client keeps its session; otherwise it gets one per transaction
	free        chan *pgconn.HijackedConn
}

// url starts the pooler and returns its URL.
func (p *pooler) url(db *pgtest.DB) string {
	p.t.Helper()
	u, err := url.Parse(db.URL)
	require.NoError(p.t, err)
	p.server, err = pgconn.ParseConfig(db.URL)
	require.NoError(p.t, err)
	p.free = make(chan *pgconn.HijackedConn, 10)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(p.t, err)
	p.t.Cleanup(func() { listener.Close() })
	u.Host = listener.Addr().String()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return u.String()
}

func (p *pooler) serve(conn net.Conn) {
	defer conn.Close()
	client := pgproto3.NewBackend(conn, conn)
	start, err := client.ReceiveStartupMessage()
	if _, secured := start.(*pgproto3.SSLRequest); secured {
		if _, err = conn.Write([]byte("N")); err == nil {
			start, err = client.ReceiveStartupMessage()
		}
	}
	settings, ok := start.(*pgproto3.StartupMessage)
	if err != nil || !ok {
		return
	}
	if p.refusesPath {
		client.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "08P01", Message: "unsupported startup parameter: search_path"})
		_ = client.Flush() // the client has disconnected
		return
	}
	config := p.server.Copy()
	if !p.dropsPath {
		config.RuntimeParams["search_path"] = settings.Parameters["search_path"]
	}
	client.Send(&pgproto3.AuthenticationOk{})
	// its own key
	client.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if client.Flush() != nil {
		return
	}
	var held *pgconn.HijackedConn
	for {
		message, err := client.Receive()
		if err != nil {
			return
		}
		if held == nil {
			if held, err = p.take(config); err != nil {
				return
			}
		}
		held.Frontend.Send(message)
		switch message.(type) {
		case *pgproto3.Query, *pgproto3.Sync:
			status, err := relay(held.Frontend, client)
			if err != nil {
				return
			}
			if status == 'I' && !p.perSession {
				// before the client gets the answer, because its next statement takes a session
				p.free <- held
				held = nil
			}
			if client.Flush() != nil {
				return
			}
		}
	}
}

// take returns a free session or opens one.
func (p *pooler) take(config *pgconn.Config) (*pgconn.HijackedConn, error) {
	select {
	case conn := <-p.free:
		return conn, nil
	default:
	}
	conn, err := pgconn.ConnectConfig(context.Background(), config)
	if err != nil {
		return nil, err
	}
	hijacked, err := conn.Hijack()
	if err == nil {
		p.t.Cleanup(func() { hijacked.Conn.Close() })
	}
	return hijacked, err
}

// relay forwards the server's answers until it is ready again, which the client gets with the next
// flush.
func relay(server *pgproto3.Frontend, client *pgproto3.Backend) (status byte, err error) {
	if err := server.Flush(); err != nil {
		return 0, err
	}
	for {
		answer, err := server.Receive()
		if err != nil {
			return 0, err
		}
		client.Send(answer)
		if ready, ok := answer.(*pgproto3.ReadyForQuery); ok {
			return ready.TxStatus, nil
		}
	}
}

// Poolers that change the session with each transaction lose session state. This is reported at the
// start, before tables of another generation are read.
func TestPoolersInTransactionModeAreRefused(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	require.NoError(t, pg.CheckDirect(t.Context(), db.URL), "the server itself")
	require.NoError(t, pg.CheckDirect(t.Context(), (&pooler{t: t, perSession: true}).url(db)), "a pooler in session mode")
	for name, p := range map[string]*pooler{
		"each transaction has another session": {t: t},
		"it refuses the search path":           {t: t, refusesPath: true},
		"it drops the search path":             {t: t, dropsPath: true},
	} {
		err := pg.CheckDirect(t.Context(), p.url(db))
		require.ErrorIs(t, err, pg.ErrPooler, name)
		require.ErrorContains(t, err, "session mode", name)
	}
	_, err := pg.Open(t.Context(), pg.Config{URL: (&pooler{t: t, refusesPath: true}).url(db), SearchPath: []string{"lb"}, Name: "test"})
	require.ErrorIs(t, err, pg.ErrPooler, "every pool reports it")
}
