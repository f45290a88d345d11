package api_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

// statements notes what a pool sends: each statement with the types of its arguments and how much came back.
// What takes the same statements to answer takes the same time.
type statements struct {
	mu   sync.Mutex
	sent []string
}

// trace replaces the pool that reads by one whose statements are noted.
func trace(t *testing.T, db *pgtest.DB) *statements {
	t.Helper()
	noted := &statements{}
	config := db.ReadOnly.Config()
	config.ConnConfig.Tracer = noted
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	db.ReadOnly = pool
	return noted
}

// take returns what was sent since the last time.
func (s *statements) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.sent
	s.sent = nil
	return sent
}

func (s *statements) notef(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, fmt.Sprintf(format, args...))
}

// TraceQueryStart implements pgx.QueryTracer.
func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.notef("%s %s", data.SQL, shapes(data.Args))
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (s *statements) TraceQueryEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	s.notef("%s %v", data.CommandTag, data.Err)
}

// TraceBatchStart implements pgx.BatchTracer.
func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	s.notef("batch of %d", data.Batch.Len())
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (s *statements) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	s.notef("%s %s: %s %v", data.SQL, shapes(data.Args), data.CommandTag, data.Err)
}

// TraceBatchEnd implements pgx.BatchTracer.
func (s *statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// shapes are the types of arguments; of lists also their lengths.
func shapes(args []any) (out []string) {
	for _, arg := range args {
		switch list := arg.(type) {
		case []string:
			out = append(out, fmt.Sprintf("%d texts", len(list)))
		case []int64:
			out = append(out, fmt.Sprintf("%d numbers", len(list)))
		default:
			out = append(out, fmt.Sprintf("%T", arg))
		}
	}
	return out
}
