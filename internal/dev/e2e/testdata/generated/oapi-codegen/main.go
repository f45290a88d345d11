// Command main asks for the dashboards with a client that oapi-codegen has generated.
package main

//go:generate mkdir client
//go:generate go tool oapi-codegen -package client -o client/client.gen.go openapi.json

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"example.com/generated/client"
)

func main() {
	api, err := client.NewClientWithResponses(os.Args[1], client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+os.Args[2])
		return nil
	}))
	if err != nil {
		log.Fatal(err)
	}
	answer, err := api.GetDashboardsWithResponse(context.Background(), &client.GetDashboardsParams{})
	if err != nil || answer.JSON200 == nil {
		log.Fatal(err, answer)
	}
	for _, board := range answer.JSON200.Data {
		fmt.Println(board.SubAccountId)
	}
}
