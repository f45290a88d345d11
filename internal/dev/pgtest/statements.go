package pgtest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// Statement is one that was sent, with its command tag and error.
type Statement struct {
	SQL     string
	Args    []any // without options of pgx
	Outcome string
}

// Statements are those of a pool, alone or in batches.
type Statements struct {
	mu   sync.Mutex
	sent []Statement
}

// Traced returns a pool that is configured as another one, and its statements.
func Traced(t testing.TB, like *pgxpool.Pool) (*pgxpool.Pool, *Statements) {
	t.Helper()
	config, statements := like.Config(), &Statements{}
	config.ConnConfig.Tracer = statements
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool, statements
}

// Take returns the statements since the last Take.
func (s *Statements) Take() []Statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.sent
	s.sent = nil
	return sent
}

func (s *Statements) add(sql string, args []any, tag, err any) {
	if len(args) > 0 {
		if _, ok := args[0].(pgx.QueryExecMode); ok {
			args = args[1:]
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, Statement{sql, args, fmt.Sprint(tag, " ", err)})
}

type startOfQuery struct{}

// TraceQueryStart implements [pgx.QueryTracer].
func (*Statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, startOfQuery{}, data)
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (s *Statements) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	if start, ok := ctx.Value(startOfQuery{}).(pgx.TraceQueryStartData); ok {
		s.add(start.SQL, start.Args, data.CommandTag, data.Err)
	}
}

// TraceBatchStart implements [pgx.BatchTracer].
func (*Statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery implements [pgx.BatchTracer].
func (s *Statements) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	s.add(data.SQL, data.Args, data.CommandTag, data.Err)
}

// TraceBatchEnd implements [pgx.BatchTracer].
func (*Statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// PlanNode is a node of an executed plan without its children.
type PlanNode map[string]any

// Text is a property that is a text, such as "Index Cond"; empty without it.
func (p PlanNode) Text(name string) string { text, _ := p[name].(string); return text }

// Number is a property that is a number, such as "Actual Loops"; 0 without it.
func (p PlanNode) Number(name string) float64 { number, _ := p[name].(float64); return number }

// Plan runs a statement, undoes it, and returns its plan: with the mode force_generic_plan the one
// that the server makes for any arguments, with force_custom_plan the one for these.
func Plan(t testing.TB, pool *pgxpool.Pool, mode string, s Statement) (nodes []PlanNode) {
	t.Helper()
	const name = "planned"
	ctx := t.Context()
	tx, err := pool.Begin(ctx)
	require.NoError(t, err)
	defer func() {
		require.NoError(t, tx.Conn().Deallocate(ctx, name))
		require.NoError(t, tx.Rollback(ctx))
	}()
	_, err = tx.Exec(ctx, "set local plan_cache_mode = "+mode)
	require.NoError(t, err)
	prepared, err := tx.Prepare(ctx, name, s.SQL)
	require.NoError(t, err)
	args := make([]string, len(s.Args))
	for i, oid := range prepared.ParamOIDs {
		text, err := tx.Conn().TypeMap().Encode(oid, pgtype.TextFormatCode, s.Args[i], nil)
		require.NoError(t, err)
		if args[i] = "null"; text != nil {
			args[i] = "'" + strings.ReplaceAll(string(text), "'", "''") + "'"
		}
	}
	sql := "explain (analyze, format json) execute " + name
	if len(args) > 0 {
		sql += "(" + strings.Join(args, ", ") + ")"
	}
	var raw []byte
	require.NoError(t, tx.QueryRow(ctx, sql, pgx.QueryExecModeSimpleProtocol).Scan(&raw))
	var plan any
	require.NoError(t, json.Unmarshal(raw, &plan))
	var visit func(any)
	visit = func(at any) {
		switch node := at.(type) {
		case []any:
			for _, child := range node {
				visit(child)
			}
		case map[string]any:
			nodes = append(nodes, node)
			for _, child := range node {
				visit(child)
			}
		}
	}
	visit(plan)
	return nodes
}

// EachPlan calls check with each plan that the server makes of statements: before and after it has
// analyzed tables ("": all), and for the arguments of a statement and for any. how says which it is.
func EachPlan(t testing.TB, pool *pgxpool.Pool, tables string, statements []Statement, check func(how string, nodes []PlanNode)) {
	t.Helper()
	for _, known := range []string{"nothing", "all"} {
		if known == "all" {
			_, err := pool.Exec(t.Context(), "analyze "+tables)
			require.NoError(t, err)
		}
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			for _, s := range statements {
				check(known+" is known, "+mode, Plan(t, pool, mode, s))
			}
		}
	}
}
