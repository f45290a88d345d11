package write

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Sink takes the rows that a fold produces. It is one of [Upserts], for tables with rows, [Copies],
// for tables that are being built from empty, and [Discard].
type Sink interface {
	// Context is that of the write.
	Context() context.Context
	// Exec runs a statement that changes stored rows, after the rows and statements that the sink was
	// given before. Copies ignores it: while tables are built, each row is written once.
	Exec(sql string, args ...any)
	// Err returns the first error that is known so far. A sink that has failed ignores what it is given.
	Err() error
}

// Write gives rows to a sink.
func (t Table[R]) Write(into Sink, rows []R) { t.write(into, rows, false) }

// WriteNew gives rows to a sink whose keys are known to be new.
func (t Table[R]) WriteNew(into Sink, rows []R) { t.write(into, rows, true) }

// copyAbove is the number of new rows above which COPY is faster than a statement, despite its
// additional round trips.
const copyAbove = 64

func (t Table[R]) write(into Sink, rows []R, areNew bool) {
	if len(rows) == 0 {
		return
	}
	switch into := into.(type) {
	case *Upserts:
		if areNew && len(rows) >= copyAbove {
			into.copy(func(ctx context.Context) error { return t.copyAll(ctx, into.Tx.Conn(), rows) })
		} else {
			t.Queue(into.Batch, rows)
		}
	case *Copies:
		copied := into.table(t.Name, t.Columns)
		for i := 0; i < len(rows) && into.err == nil; i++ {
			values := t.copied(rows[i])
			if end := copied.end; end < 0 || values[end].(int64) >= into.from {
				into.add(copied, values)
			}
		}
	}
}

// copyAll copies rows, which avoids the check for conflicts.
func (t Table[R]) copyAll(ctx context.Context, conn *pgx.Conn, rows []R) error {
	e, err := newEncoder(ctx, conn, t.Name, t.Columns)
	encoded := []byte(binaryHeader)
	for i := 0; i < len(rows) && err == nil; i++ {
		encoded, err = e.appendRow(encoded, t.copied(rows[i]))
	}
	if err == nil {
		err = e.send(ctx, conn, encoded)
	}
	if err != nil {
		return fmt.Errorf("copy into %s: %w", t.Name, err)
	}
	return nil
}

// Upserts stores rows next to those of earlier batches, with statements in a batch. It copies large
// sets of new rows while the fold computes the next ones.
type Upserts struct {
	Tx    pgx.Tx
	Batch *pgx.Batch // sent with the commit

	ctx     context.Context //nolint:containedctx // of the write to which the copies belong
	running sync.WaitGroup
	before  <-chan struct{} // closed when the previous copy is done; nil: this is the first
	err     error
}

// Upsert calls fold with a sink whose statements it adds to batch. When it returns, the batch
// contains what is left to be sent, and the copies are done.
func Upsert(ctx context.Context, tx pgx.Tx, batch *pgx.Batch, fold func(Sink) error) error {
	into := &Upserts{Tx: tx, Batch: batch, ctx: ctx}
	err := fold(into)
	into.running.Wait()
	return cmp.Or(err, into.err)
}

// Context implements [Sink].
func (u *Upserts) Context() context.Context { return u.ctx }

// Exec implements [Sink].
func (u *Upserts) Exec(sql string, args ...any) { u.Batch.Queue(sql, args...) }

// Err implements [Sink]. The errors of statements and copies are not known yet.
func (*Upserts) Err() error { return nil }

// copy sends the statements of the batch and then copies, one copy after the other. Until
// the last one is done, nothing else may use the transaction.
func (u *Upserts) copy(rows func(context.Context) error) {
	statements := *u.Batch
	*u.Batch = pgx.Batch{}
	before, done := u.before, make(chan struct{})
	u.before = done
	u.running.Go(func() {
		defer close(done)
		if before != nil {
			<-before
		}
		if u.err == nil { // after an error, the transaction is aborted, so later copies would fail too
			u.err = Send(u.ctx, u.Tx, &statements)
		}
		if u.err == nil {
			u.err = rows(u.ctx)
		}
	})
}

// Discard is a [Sink] that ignores rows which are stored already.
type Discard struct{ Ctx context.Context } //nolint:containedctx // of the write

// Context implements [Sink].
func (d Discard) Context() context.Context { return d.Ctx }

// Exec implements [Sink].
func (Discard) Exec(string, ...any) {}

// Err implements [Sink].
func (Discard) Err() error { return nil }

// copyBytes is how many bytes of rows are sent with one COPY.
const copyBytes = 1 << 20

// Copies stores rows in tables that are being built, with COPY. While it sends rows of one table, the
// fold computes the next ones.
type Copies struct {
	Conn *pgx.Conn

	ctx     context.Context //nolint:containedctx // of the build to which the copies belong
	shared  *sync.Mutex     // of the connection
	tables  map[string]*tableCopy
	sending chan error // nil: nothing is being sent
	sent    []byte     // what is being sent
	spare   []byte     // a buffer to use again
	err     error

	from int64             // rows that ended before are stored already
	ends map[string]string // columns with the ends of rows, by table
}

// Since makes the sink ignore rows that ended before a version, because they are stored. ends names
// the columns with the ends of rows, by table.
func (c *Copies) Since(from int64, ends map[string]string) { c.from, c.ends = from, ends }

// tableCopy contains the rows of a table that are to be sent.
type tableCopy struct {
	name string
	end  int // index of the column with the end of a row; -1: it has none
	*encoder
	rows []byte
}

// Copy calls fold with a sink and returns when all rows are stored, each COPY in the transaction of
// the connection or, without one, in its own. Several copies may use one connection if they share a
// lock.
func Copy(ctx context.Context, conn *pgx.Conn, shared *sync.Mutex, fold func(Sink) error) error {
	into := &Copies{Conn: conn, ctx: ctx, shared: shared, tables: map[string]*tableCopy{}}
	err := fold(into)
	for _, t := range into.tables {
		if err == nil && len(t.rows) > len(binaryHeader) {
			into.send(t)
		}
	}
	into.wait()
	return cmp.Or(err, into.err)
}

// Context implements [Sink].
func (c *Copies) Context() context.Context { return c.ctx }

// Exec implements [Sink].
func (*Copies) Exec(string, ...any) {}

// Err implements [Sink].
func (c *Copies) Err() error { return c.err }

func (c *Copies) table(name string, columns []string) *tableCopy {
	if t := c.tables[name]; t != nil {
		return t
	}
	t := &tableCopy{name: name, end: slices.Index(columns, c.ends[name]), rows: []byte(binaryHeader)}
	if c.wait(); c.err == nil {
		c.shared.Lock()
		t.encoder, c.err = newEncoder(c.ctx, c.Conn, name, columns)
		c.shared.Unlock()
	}
	c.tables[name] = t
	return t
}

func (c *Copies) add(t *tableCopy, values []any) {
	rows, err := t.appendRow(t.rows, values)
	if err != nil {
		c.err = fmt.Errorf("copy into %s: %w", t.name, err)
		return
	}
	if t.rows = rows; len(rows) >= copyBytes {
		c.send(t)
	}
}

// send sends the rows of a table, once the previous ones are sent.
func (c *Copies) send(t *tableCopy) {
	if c.wait(); c.err != nil {
		return
	}
	c.sent = t.rows
	t.rows, c.spare = append(c.spare[:0], binaryHeader...), nil //nolint:gocritic // a buffer is used again
	c.sending = make(chan error, 1)
	go func(rows []byte, sending chan<- error) {
		c.shared.Lock()
		defer c.shared.Unlock()
		err := t.send(c.ctx, c.Conn, rows)
		if err != nil {
			err = fmt.Errorf("copy into %s: %w", t.name, err)
		}
		sending <- err
	}(c.sent, c.sending)
}

func (c *Copies) wait() {
	if c.sending == nil {
		return
	}
	err := <-c.sending
	c.err = cmp.Or(c.err, err)
	c.sending, c.spare, c.sent = nil, c.sent, nil
}
