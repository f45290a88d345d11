package projectors_test

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// A rebuild folds the events of a partition from empty state and copies the resulting rows.
func Example() {
	at := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	paused := func(n int) fold.Event {
		at = at.Add(time.Hour)
		return fold.Event{Recorded: domain.Recorded{
			Topic: domain.TopicOperations, Key: "aaaaaaaaaaaaaaaaaaaaaaaa",
			Envelope: domain.Envelope{ID: fmt.Sprint("e", n), Type: "operations.operator_finished.v1", Time: at},
			Data:     domain.OperatorFinished{},
		}}
	}
	operations := projectors.Operations.Begin(1)
	for n := range 2 {
		if err := operations.Apply(paused(n)); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := operations.Copy(context.Background(), printed{}, true); err != nil {
		fmt.Println(err)
	}
	// Output:
	// operations_trail event_id e0
	// operations_trail event_id e1
}

// printed prints one column of each row that a rebuild copies.
type printed struct{}

func (printed) CopyFrom(_ context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (n int64, err error) {
	for ; rows.Next(); n++ {
		values, err := rows.Values()
		if err != nil {
			return n, err
		}
		fmt.Println(table[0], columns[1], values[1])
	}
	return n, rows.Err()
}
