package eventlog_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// A record is appended, acknowledged, and read back.
func ExampleLog() {
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		panic(err)
	}
	defer brokers.Close()
	definition, err := os.ReadFile("../../deploy/topics.json")
	if err != nil {
		panic(err)
	}
	topics, err := eventlog.ParseTopics(definition)
	if err != nil {
		panic(err)
	}
	log, err := eventlog.Open(context.Background(), eventlog.Config{Brokers: brokers.ListenAddrs(), Topics: topics})
	if err != nil {
		panic(err)
	}
	defer log.Close()
	draft := domain.Draft{
		Topic: domain.TopicOperations, Key: domain.OperationsKeyAll,
		Envelope: domain.Envelope{ID: "1", Time: time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC), Audit: domain.Audit{Actor: "ada", Role: "operator"}},
		Data:     domain.OperatorFinished{Of: "deploy"},
	}
	fmt.Println("appended:", log.Append(context.Background(), draft))
	fmt.Println("scanned:", log.Scan(context.Background(), eventlog.ScanConfig{
		Topic: domain.TopicOperations,
		Handle: func(_ context.Context, run eventlog.Run) error {
			for _, record := range run.Records {
				event, err := log.Decode(record)
				if err != nil {
					return err
				}
				fmt.Println(event.Envelope.Type, event.Data.(domain.OperatorFinished).Of)
			}
			return nil
		},
	}))
	// Output:
	// appended: <nil>
	// operations.operator_finished.v1 deploy
	// scanned: <nil>
}
