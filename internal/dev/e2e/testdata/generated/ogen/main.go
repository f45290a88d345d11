// Command main asks for the dashboards with a client that ogen has generated.
package main

//go:generate go tool ogen --config ogen.yml --target client --package client openapi.json

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/ogen-go/ogen/ogenerrors"

	"example.com/generated/client"
)

type security string

func (s security) Bearer(context.Context, client.OperationName) (client.Bearer, error) {
	return client.Bearer{Token: string(s)}, nil
}

func (security) Ticket(context.Context, client.OperationName) (client.Ticket, error) {
	return client.Ticket{}, ogenerrors.ErrSkipClientSecurity
}

func main() {
	api, err := client.NewClient(os.Args[1], security(os.Args[2]))
	if err != nil {
		log.Fatal(err)
	}
	answer, err := api.GetDashboards(context.Background(), client.GetDashboardsParams{})
	if err != nil {
		log.Fatal(err)
	}
	boards, ok := answer.(*client.GetDashboardsOK)
	if !ok {
		log.Fatalf("%T", answer)
	}
	for _, board := range boards.Data {
		fmt.Println(board.SubAccountID)
	}
}
