package projectors_test

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// A batch folds events and queues the statements that store the resulting rows.
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
	var statements pgx.Batch
	err := write.Upsert(context.Background(), nil, &statements, func(into write.Sink) error { return operations.Write(into, true) })
	if err != nil {
		fmt.Println(err)
	}
	for _, statement := range statements.QueuedQueries {
		fmt.Println(statement.SQL[:len("insert into operations_trail")], statement.Arguments[1])
	}
	// Output:
	// insert into operations_trail [e0 e1]
}
